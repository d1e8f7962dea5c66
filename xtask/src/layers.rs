//! Who may use whom: the layers of the workspace as a table, checked against the dependency graph.
//!
//! The table is the law for ordinary and build dependencies. Tests of a crate may use more (a store, the generator),
//! but a role stays apart from other roles even there.

use cargo_metadata::{DependencyKind, Metadata};

/// `(package, what of ours it may use)`; `None`: anything.
type Row = (&'static str, Option<&'static [&'static str]>);

/// What a role stands on: wire, transport, and the doors to a store and a topic, never one of these itself.
const DOORS: &[&str] = &[
    "spoor-model",
    "spoor-net",
    "spoor-pipeline",
    "spoor-proto",
    "spoor-sampling",
    "spoor-storage",
    "spoor-tls",
    "spoor-topic",
    "spoor-tracer",
];
/// Programs' parts that never import one another; only the app knows several.
const ROLES: &[&str] =
    &["spoor-agent", "spoor-collector", "spoor-ingester", "spoor-query", "spoor-retention"];

const TABLE: &[Row] = &[
    // Assembly: these alone name a backend.
    ("spoor-app", None),
    ("spoor-tests", None),
    // Roles.
    ("spoor-agent", Some(DOORS)),
    ("spoor-collector", Some(DOORS)),
    ("spoor-ingester", Some(DOORS)),
    ("spoor-query", Some(DOORS)),
    ("spoor-retention", Some(DOORS)),
    // What roles have in common.
    ("spoor-pipeline", Some(&["spoor-model", "spoor-storage"])),
    ("spoor-sampling", Some(&["spoor-model", "spoor-proto", "spoor-storage"])),
    // Backends, beside the doors.
    ("spoor-storage-elasticsearch", Some(&["spoor-model", "spoor-storage", "spoor-tls", "spoor-tracer"])),
    ("spoor-storage-prometheus", Some(&["spoor-model", "spoor-storage", "spoor-tls", "spoor-tracer"])),
    ("spoor-topic-kafka", Some(&["spoor-model", "spoor-topic"])),
    // The store's door in, with a topic's behind it.
    (
        "spoor-topic-spans",
        Some(&["spoor-model", "spoor-proto", "spoor-storage", "spoor-topic", "spoor-tracer"]),
    ),
    // Doors.
    ("spoor-net", Some(&["spoor-model", "spoor-tls", "spoor-tracer"])),
    ("spoor-proto", Some(&["spoor-model"])),
    ("spoor-storage", Some(&["spoor-model", "spoor-tracer"])),
    ("spoor-topic", Some(&[])),
    // Traces of the process itself, which go along with requests.
    ("spoor-tracer", Some(&["spoor-model", "spoor-tls"])),
    // The core depends on nothing of ours.
    ("spoor-model", Some(&[])),
    ("spoor-tls", Some(&[])),
    // Beside everything: it speaks the wire, as any client does.
    ("spoor-load", Some(&["spoor-model", "spoor-proto"])),
    ("xtask", Some(&[])),
];

/// One package of ours and what it uses of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Package {
    name: String,
    uses: Vec<(String, DependencyKind)>,
}

/// The violations of the table in this workspace, one sentence each.
pub(crate) fn violations(metadata: &Metadata) -> Vec<String> {
    judge(&own_packages(metadata))
}

fn own_packages(metadata: &Metadata) -> Vec<Package> {
    let members = metadata.workspace_packages();
    let ours: Vec<&str> = members.iter().map(|package| package.name.as_str()).collect();
    members
        .iter()
        .map(|package| Package {
            name: package.name.to_string(),
            uses: package
                .dependencies
                .iter()
                .filter(|dependency| ours.contains(&dependency.name.as_str()))
                .map(|dependency| (dependency.name.clone(), dependency.kind))
                .collect(),
        })
        .collect()
}

fn judge(packages: &[Package]) -> Vec<String> {
    packages.iter().flat_map(judge_one).collect()
}

fn judge_one(package: &Package) -> Vec<String> {
    let name = package.name.as_str();
    let Some((_, allowed)) = TABLE.iter().find(|(row, _)| *row == name) else {
        return vec![format!(
            "{name} has no row in the layer table (xtask/src/layers.rs): say what it may use"
        )];
    };
    let is_role = |name: &str| ROLES.contains(&name);
    let mut broken = Vec::new();
    for (used, kind) in &package.uses {
        let used = used.as_str();
        if is_role(name) && is_role(used) {
            broken.push(format!("{name} uses {used}: roles never import one another, not even in tests"));
        } else if *kind != DependencyKind::Development
            && allowed.is_some_and(|allowed| !allowed.contains(&used))
        {
            broken.push(format!(
                "{name} may not use {used} outside its tests (layer table: xtask/src/layers.rs)"
            ));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use DependencyKind::{Development, Normal};

    use super::*;

    fn judged(name: &str, used: &str, kind: DependencyKind) -> Vec<String> {
        judge(&[Package { name: name.to_owned(), uses: vec![(used.to_owned(), kind)] }])
    }

    #[test]
    fn downward_is_fine() {
        for (name, used) in [
            ("spoor-app", "spoor-storage-elasticsearch"),
            ("spoor-tests", "spoor-storage-elasticsearch"),
            ("spoor-collector", "spoor-storage"),
            ("spoor-storage-elasticsearch", "spoor-storage"),
            ("spoor-load", "spoor-proto"),
        ] {
            assert_eq!(judged(name, used, Normal), [""; 0], "{name} uses {used}");
        }
    }

    #[test]
    fn upward_and_sideways_is_refused() {
        for (name, used) in [
            ("spoor-model", "spoor-proto"),
            ("spoor-storage", "spoor-storage-elasticsearch"),
            ("spoor-collector", "spoor-storage-elasticsearch"),
            ("spoor-query", "spoor-collector"),
            ("spoor-load", "spoor-collector"),
            ("spoor-proto", "spoor-storage"),
        ] {
            assert_eq!(judged(name, used, Normal).len(), 1, "{name} uses {used}");
        }
    }

    #[test]
    fn tests_may_use_a_backend_but_not_another_role() {
        assert_eq!(judged("spoor-collector", "spoor-storage-elasticsearch", Development), [""; 0]);
        assert_eq!(judged("spoor-collector", "spoor-query", Development).len(), 1);
    }

    #[test]
    fn a_package_without_a_row_is_told_to_get_one() {
        let broken = judge(&[Package { name: "spoor-new".to_owned(), uses: Vec::new() }]);
        assert!(broken[0].contains("spoor-new has no row"), "{broken:?}");
    }

    #[test]
    fn roles_are_in_the_table_and_the_table_names_nothing_twice() {
        let mut names: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
        assert!(ROLES.iter().all(|role| names.contains(role)));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }
}
