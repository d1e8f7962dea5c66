//! What this build is.

use serde_json::{Value, json};

/// The version of the package.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit this was built from, if the build was told (`SPOOR_GIT_COMMIT`).
pub(crate) const COMMIT: &str = match option_env!("SPOOR_GIT_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Jaeger's shape of `/version`.
pub(crate) fn as_json() -> Value {
    json!({"gitCommit": COMMIT, "gitVersion": format!("v{VERSION}"), "buildDate": option_env!("SPOOR_BUILD_DATE").unwrap_or("unknown")})
}
