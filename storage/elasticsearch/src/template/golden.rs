//! Every template for every server and way of rotation, compared with what was reviewed and committed under `testdata/templates`.
//! `SPOOR_REWRITE_GOLDEN=1 cargo test -p spoor-storage-elasticsearch golden` writes the files anew; review them before committing.

use std::path::Path;

use super::*;

const REWRITE: &str = "SPOOR_REWRITE_GOLDEN";
const KINDS: [(Kind, &str); 5] = [
    (Kind::Span, "span"),
    (Kind::CompactSpan, "compact-span"),
    (Kind::Service, "service"),
    (Kind::Dependencies, "dependencies"),
    (Kind::Sampling, "sampling"),
];
/// Server lines, and the folder of those that get the same.
const SERVERS: [(&str, &[Server]); 3] = [
    ("elasticsearch-7", &[Server::Elasticsearch(7)]),
    ("elasticsearch-8-9", &[Server::Elasticsearch(8), Server::Elasticsearch(9)]),
    ("opensearch-1-3", &[Server::OpenSearch(1), Server::OpenSearch(2), Server::OpenSearch(3)]),
];

fn names(kind: Kind, base: &str, read: &str, write: &str) -> TemplateNames {
    let name = match base.strip_prefix("compact-") {
        Some(base) => format!("prod-spoor-{base}"),
        None => format!("prod-jaeger-{base}"),
    };
    TemplateNames {
        kind,
        pattern: format!("{name}-*"),
        archive: false,
        aliases: Some(Aliases { read: read.replace('%', &name), write: write.replace('%', &name) }),
        name,
    }
}

fn compare(file: &str, template: &Template) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/templates").join(file);
    let request = json!({ "method": "PUT", "path": template.path, "body": template.body });
    let made = serde_json::to_string_pretty(&request).unwrap() + "\n";
    if std::env::var_os(REWRITE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &made).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; {REWRITE}=1 writes it", path.display()));
    assert_eq!(made, reviewed, "{file}; {REWRITE}=1 writes it anew");
}

#[test]
fn each_server_gets_the_reviewed_templates_in_every_way_of_rotation() {
    let plain = TemplateConfig { num_shards: 3, num_replicas: 2, ..TemplateConfig::default() };
    let lifecycle = TemplateConfig {
        use_ilm: true,
        ilm_policy_name: "jaeger-ilm-policy".to_owned(),
        span_priority: 501,
        service_priority: 502,
        dependencies_priority: 503,
        sampling_priority: 504,
        ..plain
    };
    for (folder, servers) in SERVERS {
        for (kind, base) in KINDS {
            for server in servers {
                let default = names(kind, base, "%-read", "%-write");
                let custom = names(kind, base, "read-of-%", "write-of-%");
                let dated = TemplateNames { aliases: None, ..default.clone() };
                compare(&format!("{folder}/plain/{base}.json"), &template(*server, &dated, &plain));
                // Aliases that a rollover job moves are no matter of the template.
                assert_eq!(template(*server, &default, &plain), template(*server, &dated, &plain));
                compare(&format!("{folder}/lifecycle/{base}.json"), &template(*server, &default, &lifecycle));
                compare(
                    &format!("{folder}/lifecycle-custom-aliases/{base}.json"),
                    &template(*server, &custom, &lifecycle),
                );
            }
        }
    }
}

#[test]
fn an_archive_has_its_own_templates_which_go_before_the_stores() {
    let config = TemplateConfig { num_shards: 1, span_priority: 5, ..TemplateConfig::default() };
    let lifecycle = TemplateConfig { use_ilm: true, ilm_policy_name: "archive-policy".to_owned(), ..config };
    for (folder, servers) in SERVERS {
        for (kind, base) in [(Kind::Span, "span-archive"), (Kind::CompactSpan, "compact-span-archive")] {
            let behind = names(kind, base, "%-read", "%-write");
            let pattern = behind.name.clone() + "*";
            let behind = TemplateNames { pattern, archive: true, ..behind };
            let single = TemplateNames { aliases: None, ..behind.clone() };
            for server in servers {
                compare(&format!("{folder}/archive/{base}.json"), &template(*server, &single, &config));
                let rolled = template(*server, &behind, &lifecycle);
                compare(&format!("{folder}/archive-lifecycle/{base}.json"), &rolled);
            }
        }
    }
}

#[test]
fn composable_templates_on_request_are_those_of_newer_servers() {
    let config = TemplateConfig { composable: true, span_priority: 7, ..TemplateConfig::default() };
    let dated = TemplateNames { aliases: None, ..names(Kind::Span, "span", "", "") };
    let newer = template(Server::Elasticsearch(8), &dated, &config);
    assert_eq!(
        (newer.path.as_str(), &newer.body["priority"]),
        ("/_index_template/prod-jaeger-span", &json!(7))
    );
    for server in [Server::Elasticsearch(7), Server::OpenSearch(2)] {
        assert_eq!(template(server, &dated, &config), newer);
    }
}
