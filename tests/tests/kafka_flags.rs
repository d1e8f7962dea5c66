//! Every flag of the way through Kafka works or is refused by name, and stands beside a test that shows that it does what its help says.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use spoor_tests::binary;
use tokio::process::Command;
use xtask::claims::names_below;

/// A flag behind its prefix, a value that is not its default, what else it needs, and the name of the test.
type Row = (&'static str, &'static str, &'static [&'static str], &'static str);

const CERTIFICATES: &str = "certificates_and_users_are_shown_and_wrong_ones_told";
const KERBEROS: &str = "what_kerberos_needs_becomes_the_librarys_settings";
const LIBRARY: &str = "every_setting_of_the_librarys_becomes_its_setting";
const NEVER: &str = "what_cannot_work_is_refused_by_name";
const BATCHES: &str = "batches_lie_on_the_disk_as_they_are_set_and_all_their_records_come_back";

const USER: &[&str] = &["authentication=plaintext", "plaintext.username=me", "plaintext.password=hush"];
const PAIR: &[&str] = &["tls.enabled=true", "tls.cert=FILE", "tls.key=FILE"];

/// Of either side, behind `kafka.producer.` and `kafka.consumer.`.
const CONNECTION: &[Row] = &[
    ("authentication", "tls", PAIR, CERTIFICATES),
    ("brokers", "a:1,b:2", &[], "both_sides_have_jaegers_flags_and_defaults_of_their_own"),
    ("plaintext.mechanism", "SCRAM-SHA-256", USER, CERTIFICATES),
    ("plaintext.password", "secret", &["authentication=plaintext", "plaintext.username=me"], CERTIFICATES),
    (
        "plaintext.password-file",
        "FILE",
        &["authentication=plaintext", "plaintext.username=me"],
        "a_password_may_stand_in_a_file_and_a_file_of_no_use_is_named",
    ),
    ("plaintext.username", "you", &["authentication=plaintext", "plaintext.password=hush"], CERTIFICATES),
    ("protocol-version", "0.9.0", &[], LIBRARY),
    ("tls.ca", "FILE", &["tls.enabled=true"], CERTIFICATES),
    ("tls.cert", "FILE", &["tls.enabled=true", "tls.key=FILE"], CERTIFICATES),
    ("tls.enabled", "true", &[], CERTIFICATES),
    ("tls.key", "FILE", &["tls.enabled=true", "tls.cert=FILE"], CERTIFICATES),
    ("tls.skip-host-verify", "true", &["tls.enabled=true"], CERTIFICATES),
    ("topic", "another", &[], "both_sides_have_jaegers_flags_and_defaults_of_their_own"),
];

/// Of either side, too, and refused by name: what never works, and Kerberos by this program, which is built without it.
const REFUSED: &[Row] = &[
    ("kerberos.config-file", "/krb5.conf", &["authentication=kerberos"], KERBEROS),
    ("kerberos.disable-fast-negotiation", "true", &["authentication=kerberos"], KERBEROS),
    ("kerberos.keytab-file", "/keytab", &["authentication=kerberos"], KERBEROS),
    ("kerberos.password", "hush", &["authentication=kerberos"], KERBEROS),
    ("kerberos.realm", "R", &["authentication=kerberos"], KERBEROS),
    ("kerberos.service-name", "k", &["authentication=kerberos"], KERBEROS),
    ("kerberos.use-keytab", "true", &["authentication=kerberos"], KERBEROS),
    ("kerberos.username", "me", &["authentication=kerberos"], KERBEROS),
    ("tls.server-name", "a", &["tls.enabled=true"], NEVER),
];

const PRODUCER: &[Row] = &[
    ("batch-linger", "7ms", &[], "a_batch_that_is_not_full_waits_as_long_as_is_set"),
    ("batch-max-messages", "7", &[], BATCHES),
    ("batch-size", "7", &[], BATCHES),
    ("compression", "gzip", &[], BATCHES),
    ("compression-level", "7", &["compression=gzip"], BATCHES),
    ("encoding", "json", &[], "at_full_load_every_acknowledged_span_lies_in_the_topic_once_in_each_encoding"),
    ("max-bytes-in-flight", "7MiB", &[], "no_more_bytes_are_under_way_than_is_set"),
    (
        "max-message-bytes",
        "7000",
        &[],
        "a_span_larger_than_a_record_is_refused_by_name_and_its_neighbours_are_stored",
    ),
    ("required-acks", "local", &[], BATCHES),
];

const PRODUCER_REFUSED: &[Row] = &[("batch-min-messages", "7", &[], NEVER)];

const CONSUMER: &[Row] = &[
    ("assignor", "range", &[], "retention_that_overtakes_a_group_of_any_assignor_does_not_end_its_reading"),
    ("client-id", "me", &[], "a_member_is_known_by_the_names_that_are_set"),
    ("commit-interval", "7s", &[], LIBRARY),
    ("encoding", "json", &[], "every_encoding_comes_through_and_a_store_that_halts_for_22_s_costs_nothing"),
    ("fetch-max-message-bytes", "7000", &[], LIBRARY),
    ("group-id", "us", &[], "a_member_is_known_by_the_names_that_are_set"),
    ("initial-offset", "latest", &[], "a_group_that_has_committed_nothing_begins_where_it_is_set"),
    ("instance-id", "me", &[], "a_member_with_a_name_that_is_soon_back_keeps_its_partitions"),
    ("max-bytes-in-flight", "7MiB", &[], "a_backlog_is_read_in_bounded_memory_and_without_pauses"),
    ("max-records-in-flight", "7", &[], "no_more_records_are_delivered_than_is_set_until_some_are_settled"),
    ("metadata-refresh-interval", "7s", &[], "a_topic_that_nobody_makes_is_told_and_used_when_it_is_there"),
    ("rack-id", "r", &[], LIBRARY),
    ("release-timeout", "7s", &[], "a_partition_does_not_wait_forever"),
    ("session-timeout", "7s", &[], LIBRARY),
];

const INGESTER: &[Row] = &[
    ("batch-linger", "7ms", &[], "records_wait_for_company_as_long_as_is_set"),
    ("batch-max-bytes", "7MiB", &[], "no_write_has_more_bytes_than_is_set"),
    ("batch-max-records", "7", &[], "the_sizes_of_writes_are_those_that_the_store_was_given"),
    ("dead-letter-dir", "/d", &[], "where_no_topic_may_be_made_letters_go_into_files_and_hold_nothing_up"),
    ("dead-letter-topic", "bad", &[], "letters_have_a_place_to_go_or_it_is_said_that_they_have_none"),
    (
        "deadlockInterval",
        "7s",
        &[],
        "an_ingester_tells_which_side_is_away_and_is_ready_again_when_it_is_back",
    ),
    ("drain-timeout", "7s", &[], "a_stop_waits_for_writes_under_way_no_longer_than_is_set"),
    ("parallelism", "7", &[], "no_more_writes_are_under_way_than_is_set"),
    ("write-timeout", "7s", &[], "a_write_without_an_answer_is_tried_again_after_the_time_that_is_set"),
];

/// Prefix, role that has the flags, those that work, those that are refused.
type Family = (&'static str, Role, &'static [&'static [Row]], &'static [&'static [Row]]);

const FAMILIES: [Family; 3] = [
    ("kafka.producer.", COLLECTOR, &[CONNECTION, PRODUCER], &[REFUSED, PRODUCER_REFUSED]),
    ("kafka.consumer.", INGESTS, &[CONNECTION, CONSUMER], &[REFUSED]),
    ("ingester.", INGESTS, &[INGESTER], &[]),
];

type Role = &'static [&'static str];
const COLLECTOR: Role = &["collector", "--span-storage.type=kafka"];
const INGESTS: Role = &["ingester"];

/// What the program says to these flags, without starting.
async fn settings(role: Role, flags: &[String]) -> Result<Output> {
    let mut command = Command::new(binary()?);
    let output = command.args(role).args(flags).arg("--print-config").kill_on_drop(true).output();
    output.await.context("run spoor")
}

/// The flags of a row, and the file that some of them name.
fn flags_of(prefix: &str, row: &Row, file: &Path) -> Vec<String> {
    let (name, value, needs, _) = row;
    let own = format!("{name}={value}");
    let all =
        needs.iter().copied().filter(|other| !other.starts_with(&format!("{name}="))).chain([own.as_str()]);
    all.map(|flag| format!("--{prefix}{}", flag.replace("FILE", &file.display().to_string()))).collect()
}

#[tokio::test]
async fn every_flag_stands_in_the_table_and_no_other() -> Result<()> {
    for (prefix, role, taken, refused) in FAMILIES {
        let output = settings(role, &[]).await?;
        let printed = String::from_utf8(output.stdout)?;
        // What is not set, or secret, is shown behind a `#`.
        let names = printed
            .lines()
            .filter_map(|line| line.trim_start_matches("# ").split_once(':')?.0.strip_prefix(prefix));
        let shown: BTreeSet<&str> = names.collect();
        let rows = taken.iter().chain(refused).flat_map(|rows| rows.iter());
        let named: BTreeSet<&str> = rows.map(|(name, ..)| *name).collect();
        ensure!(shown == named, "--{prefix}: {:?}", shown.symmetric_difference(&named));
    }
    Ok(())
}

#[tokio::test]
async fn every_flag_takes_effect_or_is_refused_by_name() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n")?;
    for (prefix, role, taken, refused) in FAMILIES {
        for row in taken.iter().flat_map(|rows| rows.iter()) {
            let flags = flags_of(prefix, row, file.path());
            let output = settings(role, &flags).await?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "{flags:?}: {said}");
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            let name = format!("{prefix}{}: ", row.0);
            let line = printed.lines().find(|line| line.trim_start_matches("# ").starts_with(&name));
            let line = line.with_context(|| format!("{name} is not shown"))?;
            ensure!(line.ends_with("# flag") || line.ends_with("'***' (flag)"), "{line}");
        }
        for row in refused.iter().flat_map(|rows| rows.iter()) {
            let flags = flags_of(prefix, row, file.path());
            let output = settings(role, &flags).await?;
            let said = String::from_utf8_lossy(&output.stderr);
            let family = if row.0.starts_with("kerberos") { "authentication=kerberos" } else { row.0 };
            let is_named = said.contains(&format!("--{prefix}{family}"));
            ensure!(!output.status.success() && is_named, "{flags:?}: {said}");
        }
    }
    Ok(())
}

#[test]
fn every_test_in_the_table_is_there() -> Result<()> {
    let mut tests = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in [
        "tests/tests",
        "ingester/src",
        "ingester/tests",
        "topic/src/conformance",
        "topic/kafka/src",
        "topic/kafka/tests",
    ] {
        tests.extend(names_below(&root.join(folder))?);
    }
    for (prefix, _, taken, refused) in FAMILIES {
        for (name, .., test) in taken.iter().chain(refused).flat_map(|rows| rows.iter()) {
            ensure!(tests.contains(*test), "the test of --{prefix}{name} is not there: {test}");
        }
    }
    Ok(())
}
