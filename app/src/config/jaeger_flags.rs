//! Jaeger's flags (v1.18 to v1.76) that this version does not have: refused by name, with what to do instead.
//! None is accepted and ignored.

use std::cell::LazyCell;

use anyhow::{Result, bail};

use super::environment_name;

/// A family of Jaeger's flags and what to say of it.
struct Family {
    /// Begins with this.
    prefix: &'static str,
    /// What the user can do.
    instead: &'static str,
}

const FAMILIES: &[Family] = &[
    // Names of Jaeger's first versions, which later ones have given up.
    Family {
        prefix: "query.port",
        instead: "the ports have settings of their own: --query.http-server.host-port and --query.grpc-server.host-port",
    },
    Family {
        prefix: "query.host-port",
        instead: "the ports have settings of their own: --query.http-server.host-port and --query.grpc-server.host-port",
    },
    Family {
        prefix: "query.tls.",
        instead: "the ports have settings of their own: --query.http.tls.… and --query.grpc.tls.…",
    },
    Family { prefix: "query.token-propagation", instead: "it is called --query.bearer-token-propagation" },
    Family {
        prefix: "collector.grpc-port",
        instead: "it is called --collector.grpc-server.host-port, and takes :14250",
    },
    Family { prefix: "collector.grpc.host-port", instead: "it is called --collector.grpc-server.host-port" },
    Family {
        prefix: "collector.http-port",
        instead: "it is called --collector.http-server.host-port, and takes :14268",
    },
    Family { prefix: "collector.http.host-port", instead: "it is called --collector.http-server.host-port" },
    Family { prefix: "admin-http-port", instead: "it is called --admin.http.host-port" },
    Family {
        prefix: "health-check-http-port",
        instead: "health is told on the admin port: --admin.http.host-port",
    },
    Family { prefix: "es.max-num-spans", instead: "it is called --es.max-doc-count" },
    Family { prefix: "es-archive.max-num-spans", instead: "it is called --es-archive.max-doc-count" },
    Family {
        prefix: "cassandra",
        instead: "Spoor stores in Elasticsearch or OpenSearch: set --span-storage.type=elasticsearch",
    },
    Family {
        prefix: "badger",
        instead: "Spoor stores in memory, Elasticsearch or OpenSearch: set --span-storage.type",
    },
    Family {
        prefix: "grpc-storage",
        instead: "Spoor has no storage plugins: set --span-storage.type=elasticsearch",
    },
    Family {
        prefix: "kafka.producer.",
        instead: "it is none of those that the collector has, or this role does not write to Kafka; `spoor collector --help` lists them",
    },
    Family {
        prefix: "kafka.consumer.",
        instead: "it is none of those that the ingester has, or this role does not read from Kafka; `spoor ingester --help` lists them",
    },
    Family {
        prefix: "ingester.",
        instead: "it is none of those that the ingester has, or this role is none; `spoor ingester --help` lists them",
    },
    Family {
        prefix: "es-archive.",
        instead: "only the query and the all-in-one use the archive; give it to them",
    },
    Family {
        prefix: "es.api-key-allow-from-context",
        instead: "no request brings an API key along, in Jaeger neither; give one key for all by --es.api-key-file, or pass users' tokens on by --es.bearer-token-propagation",
    },
    Family { prefix: "es.tls", instead: "it is called --es.tls.enabled" },
    Family {
        prefix: "es.",
        instead: "this version of Spoor does not have this Elasticsearch setting; remove it, `spoor collector --help` lists those it has",
    },
    Family {
        prefix: "collector.queue-size",
        instead: "Spoor has no queue that answers before spans are stored; bound the work with --collector.max-bytes-in-flight",
    },
    Family { prefix: "collector.num-workers", instead: "Spoor needs no worker count; remove it" },
    Family {
        prefix: "collector.zipkin.http-port",
        instead: "give the port as --collector.zipkin.host-port=:9411",
    },
    Family {
        prefix: "collector.http-server",
        instead: "Spoor bounds how long a request may take by --collector.write-timeout; remove it",
    },
    Family {
        prefix: "collector.",
        instead: "this version of Spoor does not have this collector setting; remove it, `spoor collector --help` lists those it has",
    },
    Family {
        prefix: "sampling.",
        instead: "only the collector and the all-in-one tell clients how to sample, and it is none of those that they have; `spoor collector --help` lists them",
    },
    Family {
        prefix: "downsampling.",
        instead: "this version of Spoor stores every span it gets; sample in the SDK",
    },
    Family {
        prefix: "prometheus.",
        instead: "it is none of those that the query has, or this role asks no Prometheus; `spoor query --help` lists them",
    },
    Family {
        prefix: "query.",
        instead: "this version of Spoor does not have this query setting; remove it, `spoor query --help` lists those it has",
    },
    Family {
        prefix: "processor.",
        instead: "it is none of those that the agent has, or this role has no agent; `spoor agent --help` lists them",
    },
    Family {
        prefix: "reporter.tchannel",
        instead: "no collector speaks TChannel any more; name the collectors' gRPC ports by --reporter.grpc.host-port",
    },
    Family {
        prefix: "reporter.",
        instead: "it is none of those that the agent has, or this role has no agent; `spoor agent --help` lists them",
    },
    Family {
        prefix: "agent.",
        instead: "it is none of those that the agent has, or this role has no agent; `spoor agent --help` lists them",
    },
    Family {
        prefix: "http-server.",
        instead: "it is none of those that the agent has, or this role has no agent; `spoor agent --help` lists them",
    },
    Family {
        prefix: "metrics-storage.",
        instead: "only the query and the all-in-one show metrics of spans; give it to them",
    },
    Family {
        prefix: "metrics-backend",
        instead: "Spoor's metrics are Prometheus's, on the admin port under /metrics",
    },
    Family { prefix: "metrics-http-route", instead: "Spoor's metrics are on the admin port under /metrics" },
];

/// Families so wide that a misspelled setting of ours falls into them.
const WHOLE_ROLES: [&str; 10] = [
    "agent.",
    "collector.",
    "es.",
    "ingester.",
    "kafka.consumer.",
    "kafka.producer.",
    "processor.",
    "query.",
    "reporter.",
    "sampling.",
];

/// What to tell a user whose flag clap does not know, if it is one of Jaeger's. A flag that is `like_a_known_one` is taken for a
/// slip of the pen unless it is certainly Jaeger's.
pub(crate) fn explain_unknown_flag(flag: &str, like_a_known_one: bool) -> Option<String> {
    let name = flag.trim_start_matches('-').split('=').next().unwrap_or_default();
    let family = FAMILIES.iter().find(|family| name.starts_with(family.prefix))?;
    if like_a_known_one && WHOLE_ROLES.contains(&family.prefix) {
        return None;
    }
    Some(format!("`--{name}` is a setting of Jaeger that this program does not have: {}", family.instead))
}

/// Refuses an environment that sets one of Jaeger's settings which the role would have to ignore. Only names under the role's own
/// prefixes count: containers often share one environment between programs. `of_all` is asked only for a name that is not among
/// those of the role's `own` settings.
pub(crate) fn refuse_unsupported_environment(
    names: impl Iterator<Item = String>,
    own_prefixes: &[&str],
    own: &[String],
    of_all: impl FnOnce() -> Vec<String>,
) -> Result<()> {
    let has = |flags: &[String], name: &str| flags.iter().any(|flag| environment_name(flag) == name);
    let of_all = LazyCell::new(of_all);
    for name in names {
        let concerns = own_prefixes.iter().any(|prefix| name.starts_with(&environment_name(prefix)));
        if !concerns || is_kubernetes_service(&name) || has(own, &name) || has(&of_all, &name) {
            continue;
        }
        if let Some(family) =
            FAMILIES.iter().find(|family| name.starts_with(&environment_name(family.prefix)))
        {
            bail!(
                "the environment sets `{name}`, a setting of Jaeger that this program does not have: {}",
                family.instead
            );
        }
    }
    Ok(())
}

/// Kubernetes puts `<SERVICE>_SERVICE_HOST`, `<SERVICE>_PORT…` into every container: not settings.
fn is_kubernetes_service(name: &str) -> bool {
    name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || name.ends_with("_PORT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_of_jaeger_is_refused_with_what_to_use_instead() {
        let text = explain_unknown_flag("--cassandra.keyspace=x", true).unwrap();
        assert!(
            text.contains("`--cassandra.keyspace`") && text.contains("--span-storage.type=elasticsearch"),
            "{text}"
        );
        assert_eq!(explain_unknown_flag("--no-such-thing", false), None);
        assert_eq!(explain_unknown_flag("--es.server-url", true), None, "a slip of the pen");
        assert!(explain_unknown_flag("--es.max-num-spans", false).unwrap().contains("--es.max-doc-count"));
        for (old, new) in [
            ("--query.port=1", "--query.http-server.host-port"),
            ("--admin-http-port", "--admin.http.host-port"),
        ] {
            assert!(explain_unknown_flag(old, true).unwrap().contains(new), "{old}");
        }
        let text = explain_unknown_flag("--collector.zipkin.http-port=9411", true).unwrap();
        assert!(text.contains("--collector.zipkin.host-port"), "{text}");
    }

    #[test]
    fn ways_to_authorize_that_lead_nowhere_are_refused_by_name() {
        let text = explain_unknown_flag("--es.api-key-allow-from-context=true", true).unwrap();
        assert!(text.contains("--es.api-key-file"), "{text}");
        assert!(explain_unknown_flag("--es.tls", true).unwrap().contains("--es.tls.enabled"));
    }

    #[test]
    fn an_environment_setting_that_would_be_ignored_is_refused() {
        let own = ["es.server-urls".to_owned()];
        let of_all = || vec!["es.num-shards".to_owned()];
        let check = |name: &str| {
            refuse_unsupported_environment([name.to_owned()].into_iter(), &["es."], &own, of_all)
        };
        assert!(check("ES_SERVER_URLS").is_ok());
        assert!(check("ES_NUM_SHARDS").is_ok(), "of another role");
        assert!(check("ES_SERVICE_HOST").is_ok());
        assert!(check("KAFKA_PRODUCER_TOPIC").is_ok(), "another role's setting in a shared environment");
        let error = check("ES_API_KEY_ALLOW_FROM_CONTEXT").unwrap_err().to_string();
        assert!(
            error.contains("`ES_API_KEY_ALLOW_FROM_CONTEXT`") && error.contains("--es.api-key-file"),
            "{error}"
        );
    }
}
