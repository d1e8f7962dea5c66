//! What this build is.

use serde_json::{Value, json};

/// The version of the package.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit this was built from, if the build was told (`SPOOR_GIT_COMMIT`).
pub(crate) const COMMIT: &str = match option_env!("SPOOR_GIT_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// When it was built, if the build was told (`SPOOR_BUILD_DATE`).
pub(crate) const BUILD_DATE: &str = match option_env!("SPOOR_BUILD_DATE") {
    Some(date) => date,
    None => "unknown",
};

/// Jaeger's shape of `/version`.
pub(crate) fn as_json() -> Value {
    json!({"gitCommit": COMMIT, "gitVersion": format!("v{VERSION}"), "buildDate": BUILD_DATE})
}

/// The labels of Jaeger's `build_info`.
pub(crate) fn as_labels() -> [(&'static str, String); 3] {
    [
        ("version", format!("v{VERSION}")),
        ("revision", COMMIT.to_owned()),
        ("build_date", BUILD_DATE.to_owned()),
    ]
}
