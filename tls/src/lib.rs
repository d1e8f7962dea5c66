//! TLS as a client, and the PEM files of clients and ports. rustls with ring.
//!
//! Who connects somewhere declares settings of its own and lends them to [`ClientTls`], which knows how their flags are called. Every error
//! names the flag, and none tells what a file holds: the file that was given for a certificate may be a key.

mod any_certificate;
mod client;
mod loaded;
pub mod pem;

pub use client::{ClientTls, TlsFlags};
pub use loaded::{Ending, LoadedCertificates};

/// A setting of TLS that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A setting without another that it needs, or a value that is no name.
    #[error("{flag}: {problem}")]
    Setting {
        /// With its dashes.
        flag: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A file that cannot be used.
    #[error("{flag}={path}: {problem}")]
    File {
        /// With its dashes.
        flag: String,
        /// Where it should lie.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}
