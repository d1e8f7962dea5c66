//! Every flag of the reader stands beside a test that shows that it does what its help says.
#![expect(clippy::unwrap_used, reason = "what the tests stand on must be there")]

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Args, Command, FromArgMatches};
use spoor_storage_prometheus::Config;
use xtask::claims::names_below;

const QUESTIONS: &str = "each_setting_of_the_questions_changes_them_as_it_says";
const TLS: &str = "who_has_the_right_certificate_is_believed_and_believes_us";
const TOKEN: &str = "the_token_is_that_of_the_user_else_of_the_file_as_it_is_now_else_of_the_address";
const ADDRESS: &str = "the_address_may_have_a_path_and_parameters_of_its_own";

/// A flag, a value that is not its default, and the name of the test.
const ROWS: [(&str, &str, &str); 18] = [
    ("server-url", "http://localhost:7", ADDRESS),
    ("connect-timeout", "7s", "a_connection_that_does_not_come_about_is_given_up_after_the_time_that_is_set"),
    ("token-file", "/token", TOKEN),
    ("token-override-from-context", "false", TOKEN),
    ("query.namespace", "a", QUESTIONS),
    ("query.duration-unit", "s", QUESTIONS),
    ("query.normalize-calls", "true", QUESTIONS),
    ("query.normalize-duration", "true", QUESTIONS),
    ("query.support-spanmetrics-connector", "false", QUESTIONS),
    ("query.extra-query-params", "a=b", ADDRESS),
    ("query.replica-label", "pod", QUESTIONS),
    ("query.tenant-label", "org", "who_asks_sees_the_series_of_his_tenant_and_no_others"),
    ("tls.enabled", "true", TLS),
    ("tls.ca", "/ca", TLS),
    ("tls.cert", "/cert", TLS),
    ("tls.key", "/key", TLS),
    ("tls.server-name", "a", TLS),
    ("tls.skip-host-verify", "true", TLS),
];

fn command() -> Command {
    Config::augment_args(Command::new("test").no_binary_name(true))
}

fn shown(flags: &[String]) -> String {
    format!("{:?}", Config::from_arg_matches(&command().get_matches_from(flags)).unwrap())
}

#[test]
fn every_flag_stands_in_the_table_and_no_other() {
    let all: BTreeSet<String> =
        command().get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    let named = ROWS.iter().map(|(flag, ..)| format!("prometheus.{flag}")).collect();
    assert_eq!(all, named);
}

#[test]
fn every_flag_changes_the_settings() {
    for (flag, value, _) in ROWS {
        let flag = format!("--prometheus.{flag}={value}");
        assert_ne!(shown(std::slice::from_ref(&flag)), shown(&[]), "{flag} changes nothing");
    }
}

#[test]
fn every_test_in_the_table_is_there() {
    let tests = names_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")).unwrap();
    for (flag, _, test) in ROWS {
        assert!(tests.contains(test), "the test of --prometheus.{flag} is not there: {test}");
    }
}
