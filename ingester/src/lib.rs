//! From the records of a topic to the store.

pub mod dead_letters;
pub mod quarantine;
