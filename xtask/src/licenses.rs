//! Which licenses we may build on, checked against every package of the dependency graph.
//!
//! `deny.toml` says the same for whoever has cargo-deny; a test keeps the two lists equal.

use cargo_metadata::Metadata;
use spdx::{Expression, LicenseItem, ParseMode};

/// SPDX identifiers of the licenses that may stand in what we ship.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// The packages whose license is missing, unreadable or not allowed, one sentence each.
pub(crate) fn violations(metadata: &Metadata) -> Vec<String> {
    metadata
        .packages
        .iter()
        .filter_map(|package| {
            let reason = refusal(package.license.as_deref())?;
            Some(format!("{} {}: {reason}", package.name, package.version))
        })
        .collect()
}

/// Why a package with this license expression may not be used; `None`: it may.
fn refusal(expression: Option<&str>) -> Option<String> {
    let Some(text) = expression else { return Some("no license expression".to_owned()) };
    match Expression::parse_mode(text, ParseMode::LAX) {
        Err(error) => Some(format!("license {text:?} is no SPDX expression ({})", error.reason)),
        Ok(parsed) if parsed.evaluate(|requirement| is_allowed(&requirement.license)) => None,
        Ok(_) => Some(format!("license {text:?} is not allowed (allow list: xtask/src/licenses.rs)")),
    }
}

/// An exception (`WITH …`) only gives more freedom than its license, so the license alone decides.
fn is_allowed(license: &LicenseItem) -> bool {
    license.id().is_some_and(|id| ALLOWED.contains(&id.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_expressions_of_every_shape_pass() {
        for text in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "GPL-2.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0-only",
            "Zlib AND (ISC OR AGPL-3.0-only)",
        ] {
            assert_eq!(refusal(Some(text)), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_refused_with_its_expression() {
        for text in
            ["GPL-3.0-only", "MIT AND GPL-3.0-only", "SSPL-1.0", "LicenseRef-ours", "AGPL-3.0-or-later"]
        {
            assert!(refusal(Some(text)).unwrap().contains(text), "{text}");
        }
    }

    #[test]
    fn a_missing_or_unreadable_license_is_refused() {
        assert!(refusal(None).is_some());
        assert!(refusal(Some("free as in beer")).unwrap().contains("no SPDX expression"));
        assert!(refusal(Some("")).is_some());
    }

    #[test]
    fn deny_toml_allows_the_same() {
        let text = std::fs::read_to_string(crate::workspace::root().join("deny.toml")).unwrap();
        let list = text.split_once("allow = [").unwrap().1.split_once(']').unwrap().0;
        let names: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert_eq!(names, ALLOWED);
    }
}
