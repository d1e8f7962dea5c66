//! Settings that cannot work, told at start. No text holds a secret.

/// A setting that cannot work, or several together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{flag}: {problem}")]
pub struct SettingsError {
    /// The flag, with its value where that is of use and no secret.
    pub flag: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

impl SettingsError {
    pub(crate) fn new(flag: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { flag: flag.into(), problem: problem.into() }
    }
}
