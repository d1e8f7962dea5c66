//! The project's own commands as a library: one module per command.
//!
//! The binary only parses the command line; the tests crate uses the servers from here, so that tests and the
//! command line start them in the same way.

pub mod all_in_one;
pub mod bench;
mod cargo;
pub mod claims;
pub mod generate;
mod layers;
mod licenses;
mod output;
mod prerequisites;
pub mod process;
mod programs;
pub mod servers;
mod steps;
pub mod suite;
pub mod wait;
pub mod workspace;
