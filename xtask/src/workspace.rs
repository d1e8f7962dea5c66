//! Where the checkout is.
//!
//! Every command works on the workspace this program was built from, whatever the current folder is, because
//! `cargo xtask` runs from anywhere inside it.

use std::path::PathBuf;

/// The root folder of the workspace: what holds the top `Cargo.toml`.
///
/// Taken from the environment cargo sets for `cargo run` and `cargo test`, else from where this crate was built.
#[must_use]
pub fn root() -> PathBuf {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    manifest_dir
        .iter()
        .flat_map(|dir| dir.ancestors())
        .find(|dir| dir.join("xtask/Cargo.toml").is_file())
        .map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")),
            std::path::Path::to_path_buf,
        )
}
