//! Every flag of the store stands beside a test that shows that it does what its help says.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Args, Command, FromArgMatches};
use spoor_storage_elasticsearch::{ArchiveConfig, Config};
use xtask::claims::names_below;

/// A flag, a value that is not its default, and the name of the test.
type Row = (&'static str, &'static str, &'static str);

const ALIASES: &str = "aliases_of_ones_own_are_read_and_written_in_place_of_jaegers";
const BOUNDS: &str = "a_bulk_holds_no_more_than_is_set_and_a_larger_document_goes_alone";
const CERTIFICATE: &str = "our_certificate_is_shown_with_a_key_in_any_of_three_forms";
const COMPANY: &str = "a_bulk_waits_for_company_as_long_as_is_set_and_no_more_go_at_once_than_workers";
const CREDENTIALS: &str = "credentials_are_sent_and_never_told";
const FAMILIES: &str = "each_family_goes_on_by_the_day_or_hour_of_its_own_flag";
const FIELDS: &str = "fields_have_what_is_set_in_place_of_dots_and_only_those_that_are_set_are_fields";
const LIFECYCLE: &str = "lifecycle_templates_come_after_their_policy_and_name_the_aliases_in_use";
const PRIORITY: &str = "composable_templates_with_a_higher_priority_win_over_foreign_ones";
const SECRETS: &str = "passwords_tokens_and_keys_come_out_of_files";
const SECRETS_AGAIN: &str = "secrets_are_read_again_after_the_interval_of_their_own_flag";
const SHARDS: &str = "shards_and_replicas_are_those_of_the_settings";
const SNIFFING: &str = "nodes_are_found_by_asking_and_asked_for_again";
const TRUST: &str = "the_store_is_trusted_by_the_authority_in_the_file_and_by_no_other";
const WINDOWS: &str = "the_start_of_a_span_is_believed_within_the_windows_that_are_set";

const STORE: &[Row] = &[
    ("es.adaptive-sampling.lookback", "1h", "probabilities_older_than_the_lookback_are_not_told"),
    ("es.api-key-file", "/key", SECRETS),
    ("es.api-key-reload-interval", "1h", SECRETS_AGAIN),
    ("es.bearer-token-propagation", "true", "questions_carry_the_users_token_and_writes_our_own"),
    ("es.bearer-token-reload-interval", "1h", SECRETS_AGAIN),
    ("es.bulk.actions", "7", BOUNDS),
    ("es.bulk.flush-interval", "1h", COMPANY),
    ("es.bulk.queue-size", "7", "writers_beyond_the_queue_are_told_to_wait"),
    ("es.bulk.size", "7", BOUNDS),
    ("es.bulk.workers", "7", COMPANY),
    ("es.compact-span-read-alias", "a", ALIASES),
    ("es.compact-span-write-alias", "a", ALIASES),
    ("es.composable-templates", "true", PRIORITY),
    (
        "es.create-index-templates",
        "false",
        "without_a_template_nothing_is_written_and_with_anybodys_fitting_one_it_is",
    ),
    ("es.custom-headers", "X-A: b", "custom_headers_go_with_every_request_and_are_not_shown"),
    ("es.disable-health-check", "true", "without_health_checks_a_failed_node_keeps_its_turn"),
    ("es.http-compression", "true", "bodies_and_answers_are_compressed_where_it_is_worth_it"),
    ("es.ilm-policy-name", "a", LIFECYCLE),
    ("es.index-date-separator", ".", "an_hour_follows_the_day_with_the_same_separator"),
    ("es.index-prefix", "a", "a_prefix_is_joined_with_one_dash"),
    ("es.index-rollover-frequency-adaptive-sampling", "hour", FAMILIES),
    ("es.index-rollover-frequency-services", "hour", FAMILIES),
    ("es.index-rollover-frequency-spans", "hour", FAMILIES),
    ("es.layout", "compact", "what_jaegers_layout_loses_comes_back_from_the_compact_one_and_is_found"),
    ("es.log-level", "debug", "requests_are_logged_as_the_level_says_and_never_their_secrets"),
    (
        "es.max-concurrent-searches",
        "7",
        "no_more_searches_than_allowed_are_under_way_and_the_others_wait_or_are_told_so",
    ),
    ("es.max-doc-count", "7", "no_more_names_are_asked_for_at_once_than_is_set"),
    ("es.max-span-age", "7h", "names_and_traces_by_id_are_looked_for_as_far_back_as_is_set"),
    ("es.num-replicas", "7", SHARDS),
    ("es.num-shards", "7", SHARDS),
    ("es.parent-span-id", "false", "what_is_written_without_the_parents_field_comes_back_with_its_parent"),
    ("es.password", "secret", CREDENTIALS),
    ("es.password-file", "/password", SECRETS),
    ("es.password-reload-interval", "1h", SECRETS_AGAIN),
    (
        "es.prioirity-dependencies-template",
        "7",
        "the_template_of_dependencies_comes_with_the_first_report_and_its_priority",
    ),
    (
        "es.prioirity-sampling-template",
        "7",
        "each_template_comes_with_what_needs_it_and_the_priority_of_its_own_flag",
    ),
    ("es.prioirity-service-template", "7", PRIORITY),
    ("es.prioirity-span-template", "7", PRIORITY),
    ("es.remote-read-clusters", "a", "every_question_goes_to_the_remote_clusters_too"),
    ("es.send-get-body-as", "GET", "questions_are_sent_by_the_method_that_is_set"),
    ("es.server-urls", "http://a:1,http://b:2", "a_node_that_is_away_is_passed_over"),
    ("es.service-cache-ttl", "1h", "a_service_is_written_again_after_the_time_that_is_set"),
    ("es.service-read-alias", "a", ALIASES),
    ("es.service-write-alias", "a", ALIASES),
    ("es.sniffer", "true", SNIFFING),
    ("es.sniffer-interval", "7s", SNIFFING),
    ("es.sniffer-tls-enabled", "true", "nodes_that_were_found_are_asked_by_tls_where_it_is_set"),
    ("es.span-read-alias", "a", ALIASES),
    ("es.span-window.future", "7h", WINDOWS),
    ("es.span-window.past", "7h", WINDOWS),
    ("es.span-write-alias", "a", ALIASES),
    ("es.tag-values", "string", "values_in_lists_are_native_or_text_as_is_set"),
    ("es.tags-as-fields.all", "true", FIELDS),
    ("es.tags-as-fields.config-file", "/keys", "keys_come_from_the_list_and_from_the_file"),
    ("es.tags-as-fields.dot-replacement", "_", FIELDS),
    ("es.tags-as-fields.include", "a,b", FIELDS),
    ("es.timeout", "7s", "a_slow_store_ends_in_the_callers_deadline"),
    ("es.tls.ca", "/ca", TRUST),
    ("es.tls.cert", "/cert", CERTIFICATE),
    ("es.tls.enabled", "true", TRUST),
    ("es.tls.key", "/key", CERTIFICATE),
    ("es.tls.server-name", "a", "the_name_in_the_certificate_is_the_one_that_is_set"),
    ("es.tls.skip-host-verify", "true", "without_verification_any_certificate_will_do"),
    ("es.token-file", "/token", SECRETS),
    (
        "es.use-aliases",
        "true",
        "nothing_is_written_before_the_aliases_are_there_and_all_generations_are_read",
    ),
    ("es.use-ilm", "true", LIFECYCLE),
    ("es.username", "me", CREDENTIALS),
    ("es.version", "9", "a_server_that_does_not_tell_its_version_needs_the_override"),
];

/// Of the archive's flags, those that are not the store's over again.
const ARCHIVE: &[Row] = &[
    (
        "es-archive.enabled",
        "true",
        "an_archive_keeps_old_traces_apart_from_the_store_under_either_of_jaegers_names",
    ),
    (
        "es-archive.names",
        "dated",
        "an_archive_keeps_old_traces_apart_from_the_store_under_either_of_jaegers_names",
    ),
];

/// Flags of a store that an archive does not have.
const OF_THE_STORE_ALONE: [&str; 3] = ["es.max-span-age", "es.span-window.past", "es.span-window.future"];

fn empty() -> Command {
    Command::new("test").no_binary_name(true)
}

fn store(flags: &[&str]) -> Config {
    Config::from_arg_matches(&Config::augment_args(empty()).get_matches_from(flags)).unwrap()
}

fn flags_of(command: &Command) -> BTreeSet<String> {
    command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
}

fn for_the_archive(flag: &str) -> String {
    flag.replacen("es.", "es-archive.", 1)
}

#[test]
fn every_flag_stands_in_the_table_and_no_other() {
    let named = |rows: &[Row]| rows.iter().map(|(flag, ..)| (*flag).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(flags_of(&Config::augment_args(empty())), named(STORE));
    let own = named(STORE).into_iter().filter(|flag| !OF_THE_STORE_ALONE.contains(&flag.as_str()));
    let expected: BTreeSet<String> = own.map(|flag| for_the_archive(&flag)).chain(named(ARCHIVE)).collect();
    assert_eq!(flags_of(&ArchiveConfig::augment_args(empty())), expected);
}

#[test]
fn every_test_in_the_table_is_there() {
    let names = |folder| names_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let tests = &names("src") | &names("tests");
    for (flag, _, test) in STORE.iter().chain(ARCHIVE) {
        assert!(tests.contains(*test), "the test of --{flag} is not there: {test}");
    }
}

#[test]
fn every_flag_changes_the_settings_of_the_store_and_its_twin_those_of_the_archive_alike() {
    for (flag, value, _) in STORE {
        let mut changed = store(&[&format!("--{flag}={value}")]);
        assert_ne!(changed, Config::default(), "--{flag}={value} changes nothing");
        if OF_THE_STORE_ALONE.contains(flag) {
            continue;
        }
        let mut flags =
            vec!["--es-archive.names=dated".to_owned(), format!("--{}={value}", for_the_archive(flag))];
        if *flag != "es.index-prefix" {
            flags.push("--es-archive.index-prefix=kept".to_owned());
            changed.indices.prefix = "kept".to_owned();
        }
        let matches = ArchiveConfig::augment_args(empty()).get_matches_from(flags);
        let archive = ArchiveConfig::from_arg_matches(&matches).unwrap().beside(&Config::default()).unwrap();
        changed.indices.span_window_past = std::time::Duration::ZERO;
        changed.indices.span_window_future = std::time::Duration::ZERO;
        assert_eq!(archive, changed, "--{}={value}", for_the_archive(flag));
    }
}

/// Where the archive is and how it is spoken to, not what it is called: names, aliases, rotation and policy are its own.
#[test]
fn an_archive_without_settings_of_its_own_is_reached_as_the_store_is() {
    let bare = |config: &Config| {
        let mut bare = Config { indices: Config::default().indices, ..config.clone() };
        bare.templates.ilm_policy_name.clear();
        bare
    };
    for (flag, value, _) in STORE {
        let changed = store(&[&format!("--{flag}={value}")]);
        let flags = ["--es-archive.names=dated", "--es-archive.index-prefix=kept"];
        let matches = ArchiveConfig::augment_args(empty()).get_matches_from(flags);
        let archive = ArchiveConfig::from_arg_matches(&matches).unwrap().beside(&changed).unwrap();
        assert_eq!(bare(&archive), bare(&changed), "--{flag}={value}");
    }
}
