//! The doors to a span store, their wrappers, the memory store and the contract suite.
