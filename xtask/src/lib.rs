//! The project's own commands as a library: one module per command.
//!
//! The binary only parses the command line; the tests crate uses the servers from here, so that tests and the
//! command line start them in the same way.

pub mod generate;
pub mod process;
pub mod servers;
pub mod wait;
pub mod workspace;
