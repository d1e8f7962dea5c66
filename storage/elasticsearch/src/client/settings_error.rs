//! Settings of the connection that cannot work, told at start. No text holds a secret.

/// A setting of the connection, or several together, that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Two settings of which there can be one.
    #[error("{one} and {other} are both set; {why}")]
    Conflict {
        /// The first, as a flag.
        one: &'static str,
        /// The second.
        other: &'static str,
        /// Why there can be only one.
        why: &'static str,
    },
    /// A setting that does nothing without another.
    #[error("{set} cannot work: {missing}")]
    Alone {
        /// What is set.
        set: &'static str,
        /// What it lacks.
        missing: &'static str,
    },
    /// A value that cannot be used.
    #[error("{flag}: {problem}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// What is wrong with the value, without showing it where it is secret.
        problem: String,
    },
    /// A file that cannot be used.
    #[error("{flag}={path}: {problem}")]
    File {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Settings of TLS.
    #[error(transparent)]
    Tls(#[from] spoor_tls::TlsError),
}
