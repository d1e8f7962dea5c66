//! Whole-process stories and their harness.
