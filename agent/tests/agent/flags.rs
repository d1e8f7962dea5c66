//! Every flag of the agent stands beside a test that shows that it does what its help says.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Args, Command, FromArgMatches};
use spoor_agent::Config;
use xtask::claims::names_below;

/// A flag, a value that is not its default, and the name of the test.
type Row = (&'static str, &'static str, &'static str);

const NAMES: &str = "a_name_is_looked_up_again_and_so_many_of_its_collectors_are_used";
const OTLP: &str = "what_an_agent_acknowledges_while_collectors_are_away_is_stored_although_it_is_killed";
const TLS: &str = "tls_is_spoken_both_ways_and_a_wrong_name_gets_no_span";
const TENANT: &str = "the_tenant_is_told_with_every_batch_in_the_header_that_is_set";

/// Of a UDP port: all three have the same declaration, which `every_udp_port_has_settings_of_its_own`.
const OF_A_PORT: [Row; 5] = [
    ("server-host-port", "localhost:7", "a_second_agent_on_the_port_is_an_error_that_names_the_setting"),
    ("workers", "7", "datagrams_that_cannot_be_read_are_counted_and_end_nothing"),
    ("server-queue-size", "7", "it_takes_so_many_packets_and_so_many_bytes"),
    ("server-max-packet-size", "7", "datagrams_that_cannot_be_read_are_counted_and_end_nothing"),
    (
        "server-socket-buffer-size",
        "7",
        "each_socket_of_a_port_has_the_buffer_that_is_set_and_the_systems_without",
    ),
];

const ROWS: &[Row] = &[
    ("agent.buffer-max-bytes", "7MiB", "the_oldest_go_when_there_is_no_room_and_are_counted_to_the_span"),
    (
        "agent.drain-timeout",
        "7s",
        "spans_that_cannot_be_delivered_at_the_end_are_counted_or_stay_in_the_spool",
    ),
    ("agent.otlp.grpc.host-port", "localhost:7", OTLP),
    ("agent.otlp.http.host-port", "localhost:7", OTLP),
    (
        "agent.otlp.max-bytes-in-flight",
        "7MiB",
        "without_memory_for_another_request_the_sender_is_asked_to_come_again",
    ),
    ("agent.otlp.max-request-bytes", "7", "what_can_never_be_taken_is_not_asked_for_again"),
    ("agent.sampling-cache-ttl", "7s", "a_fresh_strategy_is_told_from_memory"),
    (
        "agent.spool.directory",
        "x",
        "spans_that_cannot_be_delivered_at_the_end_are_counted_or_stay_in_the_spool",
    ),
    ("agent.spool.max-bytes", "7MiB", "the_oldest_go_when_it_is_full_and_are_counted_to_the_span"),
    (
        "agent.spool.sync-interval",
        "7s",
        "what_was_written_is_forced_to_the_disk_after_the_interval_that_is_set_and_not_before",
    ),
    ("agent.tags", "a=b", "spans_of_many_datagrams_go_in_few_batches_with_the_agents_tags"),
    ("http-server.host-port", "localhost:7", "a_strategy_is_the_collectors_and_outlives_its_absence"),
    ("reporter.grpc.batch-linger", "7s", "what_has_arrived_before_the_stop_is_delivered"),
    (
        "reporter.grpc.batch-max-bytes",
        "7",
        "a_batch_is_sealed_before_it_grows_too_large_and_a_large_one_at_once",
    ),
    ("reporter.grpc.discovery.min-peers", "7", NAMES),
    ("reporter.grpc.host-port", "localhost:7", "batches_go_round_and_a_killed_collector_costs_none"),
    (
        "reporter.grpc.max-requests",
        "7",
        "a_busy_collector_is_left_alone_as_long_as_it_asks_and_others_take_over",
    ),
    ("reporter.grpc.resolve-interval", "7s", NAMES),
    ("reporter.grpc.retry.max", "7", "a_batch_that_may_be_at_fault_is_tried_as_often_as_is_set"),
    ("reporter.grpc.tenant", "a", TENANT),
    ("reporter.grpc.tenant-header", "x-a", TENANT),
    (
        "reporter.grpc.timeout",
        "7s",
        "a_collector_that_answers_in_no_time_that_is_set_leaves_its_batches_to_others",
    ),
    ("reporter.grpc.tls.ca", "/ca", TLS),
    ("reporter.grpc.tls.cert", "/cert", TLS),
    ("reporter.grpc.tls.enabled", "true", TLS),
    ("reporter.grpc.tls.key", "/key", TLS),
    ("reporter.grpc.tls.server-name", "a", TLS),
    ("reporter.grpc.tls.skip-host-verify", "true", TLS),
];

/// There is one way, and it is the default.
const ONE_WAY: &str = "reporter.type";

fn command() -> Command {
    Config::augment_args(Command::new("test").no_binary_name(true))
}

fn shown(flags: &[String]) -> String {
    format!("{:?}", Config::from_arg_matches(&command().get_matches_from(flags)).unwrap())
}

fn rows() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let of_port = |port: &'static str| {
        OF_A_PORT.iter().map(move |(name, value, test)| (format!("processor.{port}.{name}"), *value, *test))
    };
    let ports = ["zipkin-compact", "jaeger-compact", "jaeger-binary"].into_iter().flat_map(of_port);
    ROWS.iter().map(|(flag, value, test)| ((*flag).to_owned(), *value, *test)).chain(ports)
}

#[test]
fn every_flag_stands_in_the_table_and_no_other() {
    let all: BTreeSet<String> =
        command().get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    let named = rows().map(|(flag, ..)| flag).chain([ONE_WAY.to_owned()]).collect();
    assert_eq!(all, named);
}

#[test]
fn every_flag_changes_the_settings_and_there_is_no_other_way_to_the_collectors() {
    for (flag, value, _) in rows() {
        assert_ne!(shown(&[format!("--{flag}={value}")]), shown(&[]), "--{flag}={value} changes nothing");
    }
    assert!(command().try_get_matches_from([format!("--{ONE_WAY}=tchannel")]).is_err());
}

#[test]
fn every_test_in_the_table_is_there() {
    let agent = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [agent.join("src"), agent.join("tests"), agent.join("../tests/tests")];
    let tests: BTreeSet<String> = folders.iter().flat_map(|folder| names_below(folder).unwrap()).collect();
    for (flag, _, test) in rows() {
        assert!(tests.contains(test), "the test of --{flag} is not there: {test}");
    }
}
