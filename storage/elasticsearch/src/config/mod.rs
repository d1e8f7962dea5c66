//! The settings of the store. Flags are Jaeger v1's (`--es.*`), with our own where Jaeger has none; the doc comments are the manual.

mod archive;
mod auth;
mod bulk;
mod connection;
mod documents;
mod indices;
mod layout;
mod reading;
mod sampling;
mod sniffing;
mod templates;
mod tls;

use clap::Args;

pub use archive::{ArchiveConfig, ArchiveNames};
pub use auth::AuthConfig;
pub use bulk::BulkConfig;
pub use connection::{Compression, ConnectionConfig, CustomHeader, QuestionMethod, RequestLog};
pub use documents::{DocumentConfig, TagValues};
pub use indices::IndexConfig;
pub use layout::{Layout, LayoutConfig};
pub use reading::ReadConfig;
pub use sampling::SamplingConfig;
pub use sniffing::SniffingConfig;
pub use templates::TemplateConfig;
pub use tls::TlsConfig;

/// Elasticsearch and OpenSearch.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct Config {
    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub connection: ConnectionConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub indices: IndexConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub templates: TemplateConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub documents: DocumentConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub layout: LayoutConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub bulk: BulkConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub sampling: SamplingConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub reading: ReadConfig,
}

/// `Default` for settings: what the flags say when none is given.
macro_rules! defaults_from_flags {
    ($settings:ty) => {
        impl Default for $settings {
            /// What the flags say when none is given.
            fn default() -> Self {
                use clap::{Args, FromArgMatches};
                let command = Self::augment_args(clap::Command::new("defaults").no_binary_name(true));
                let matches = command.get_matches_from(std::iter::empty::<&str>());
                Self::from_arg_matches(&matches).expect("every setting has a default")
            }
        }
    };
}
use defaults_from_flags;

defaults_from_flags!(Config);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn defaults_are_jaegers_but_for_the_bulks_on_their_way() {
        let config = Config::default();
        assert_eq!(format!("{:?}", config.connection.server_urls), "[http://127.0.0.1:9200]");
        assert_eq!(config.indices.max_span_age, Duration::from_secs(72 * 3600));
        assert_eq!((config.bulk.size, config.bulk.actions, config.bulk.workers), (5_000_000, 1_000, 2));
        assert_eq!(config.bulk.flush_interval, Duration::from_millis(200));
        assert_eq!(
            (config.templates.num_shards, config.templates.num_replicas, config.indices.max_doc_count),
            (5, 1, 10_000)
        );
        assert!(config.templates.create);
        assert_eq!(config.documents.dot_replacement, "@");
        assert!(!config.documents.tags_as_fields_all && config.documents.tags_as_fields_include.is_empty());
        assert_eq!(config.documents.tag_values, TagValues::Native);
    }

    #[test]
    fn a_setting_of_what_a_role_does_not_do_is_refused_by_name() {
        for flag in ["--es.prioirity-sampling-template=1", "--es.adaptive-sampling.lookback=1h"] {
            let config = Program::try_parse_from(["test", flag]).unwrap().config;
            config.validate_with_sampling().unwrap();
            let error = config.validate().unwrap_err();
            let name = flag.split('=').next().unwrap();
            assert!(error.to_string().starts_with(name), "{error}");
        }
        Config::default().validate().unwrap();
    }

    #[test]
    fn flags_are_read_as_jaeger_reads_them() {
        let program = Program::try_parse_from([
            "test",
            "--es.server-urls=http://a:9200,https://u:hidden@b",
            "--es.create-index-templates=false",
            "--es.max-span-age=1h30m",
            "--es.index-date-separator=",
            "--es.password=hidden",
            "--es.tags-as-fields.all",
            "--es.tags-as-fields.include=a, b",
            "--es.tags-as-fields.config-file=/keys",
            "--es.tags-as-fields.dot-replacement=_",
            "--es.tag-values=string",
        ]);
        let config = program.unwrap().config;
        assert_eq!(config.connection.server_urls.len(), 2);
        assert!(!config.templates.create);
        assert_eq!(config.indices.max_span_age, Duration::from_secs(5400));
        assert_eq!(config.indices.date_separator, "");
        assert!(config.documents.tags_as_fields_all);
        assert_eq!(config.documents.tags_as_fields_include, "a, b");
        assert_eq!(
            config.documents.tags_as_fields_config_file.as_deref(),
            Some(std::path::Path::new("/keys"))
        );
        assert_eq!(
            (config.documents.dot_replacement.as_str(), config.documents.tag_values),
            ("_", TagValues::String)
        );
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn the_connections_flags_take_jaegers_values_and_ours() {
        let connection = |flag: &str| Program::try_parse_from(["test", flag]).unwrap().config.connection;
        for (value, mode) in [
            ("", Compression::On),
            ("=true", Compression::On),
            ("=on", Compression::On),
            ("=F", Compression::Off),
            ("=0", Compression::Off),
            ("=auto", Compression::Auto),
        ] {
            assert_eq!(connection(&format!("--es.http-compression{value}")).compression, mode, "{value}");
        }
        for (value, method) in
            [("", QuestionMethod::Post), ("get", QuestionMethod::Get), ("POST", QuestionMethod::Post)]
        {
            assert_eq!(
                connection(&format!("--es.send-get-body-as={value}")).question_method,
                method,
                "{value}"
            );
        }
        assert_eq!(connection("--es.log-level=debug").log_level, RequestLog::Debug);
        assert_eq!(
            connection("--es.password-reload-interval=0").auth.password_reload_interval,
            Duration::ZERO
        );
        assert_eq!(connection("--es.custom-headers=X-A: 1, X-B: 2").custom_headers.len(), 2);
        let usual = connection("--es.tls.enabled=true");
        assert!(usual.tls.enabled && !usual.tls.skip_host_verify && !usual.sniffing.enabled);
        assert_eq!(usual.auth.token_reload_interval, Duration::from_secs(10));
    }

    #[test]
    fn nonsense_is_refused_while_parsing() {
        for flag in [
            "--es.max-doc-count=10001",
            "--es.bulk.workers=0",
            "--es.max-concurrent-searches=0",
            "--es.max-span-age=-1h",
            "--es.timeout=5",
            "--es.server-urls=localhost",
            "--es.tags-as-fields.dot-replacement=",
            "--es.tags-as-fields.dot-replacement=.",
            "--es.tag-values=text",
            "--es.http-compression=maybe",
            "--es.sniffer-interval=999ms",
            "--es.send-get-body-as=PUT",
            "--es.log-level=loud",
            "--es.custom-headers=no colon",
            "--es.custom-headers=Authorization: Basic x",
            "--es.custom-headers=Content-Length: 1",
        ] {
            assert!(Program::try_parse_from(["test", flag]).is_err(), "{flag}");
        }
    }
}
