use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::*;
use crate::client_config;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    producer: ProducerConfig,
    #[command(flatten)]
    consumer: ConsumerConfig,
}

fn parsed(flags: &[&str]) -> Program {
    Program::try_parse_from(std::iter::once(&"test").chain(flags)).unwrap()
}

fn refused(flags: &[&str]) -> String {
    let program = parsed(flags);
    let producer = client_config::producer(&program.producer).map(drop);
    let error =
        producer.and_then(|()| client_config::consumer(&program.consumer).map(drop)).unwrap_err().to_string();
    assert!(!error.contains("hush"), "{error}");
    error
}

#[test]
fn both_sides_have_jaegers_flags_and_defaults_of_their_own() {
    let program = parsed(&["--kafka.producer.brokers=a:1,b:2", "--kafka.consumer.topic=other"]);
    assert_eq!(program.producer.connection.brokers, ["a:1", "b:2"]);
    assert_eq!(program.consumer.connection.brokers, ["127.0.0.1:9092"]);
    assert_eq!(program.producer.connection.topic, "jaeger-spans");
    assert_eq!(program.consumer.connection.topic, "other");
    let consumer = &program.consumer;
    assert_eq!(
        (consumer.group_id.as_str(), consumer.client_id.as_str()),
        ("jaeger-ingester", "jaeger-ingester")
    );
    assert_eq!(consumer.fetch_max_message_bytes, 262_144);
    assert_eq!((program.producer.acks, program.producer.max_message_bytes), (Acks::All, 1_000_000));
    assert_eq!(consumer.initial_offset, InitialOffset::Earliest);
}

#[test]
fn help_texts_speak_of_their_own_side() {
    let mut command = Program::command();
    let help = command.render_long_help().to_string();
    assert!(
        help.contains("--kafka.producer.plaintext.password-file") && !help.contains("--kafka.plaintext"),
        "{help}"
    );
    for (side, other) in [("producer", "consumer"), ("consumer", "producer")] {
        let connection = ["authentication", "tls.cert", "plaintext.password", "kerberos.use-keytab"];
        for name in connection {
            let flag = format!("kafka.{side}.{name}");
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(&flag)).unwrap();
            let help = arg.get_help().unwrap().to_string();
            assert!(!help.contains(&format!("kafka.{other}.")), "{flag}: {help}");
        }
    }
}

#[test]
fn the_librarys_settings_follow_from_ours() {
    let program = parsed(&[
        "--kafka.producer.compression=zstd",
        "--kafka.producer.compression-level=7",
        "--kafka.producer.batch-linger=20ms",
        "--kafka.consumer.rack-id=r1",
        "--kafka.consumer.assignor=range",
        "--kafka.consumer.authentication=plaintext",
        "--kafka.consumer.plaintext.username=me",
        "--kafka.consumer.plaintext.password=hush",
        "--kafka.consumer.plaintext.mechanism=SCRAM-SHA-512",
        "--kafka.consumer.tls.enabled",
    ]);
    assert_eq!(program.producer.batch_linger, Duration::from_millis(20));
    assert!(!format!("{program:?}").contains("hush"));
    let producer = client_config::producer(&program.producer).unwrap();
    for (key, value) in [
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("compression.codec", "zstd"),
        ("compression.level", "7"),
        ("linger.ms", "20"),
        ("security.protocol", "plaintext"),
    ] {
        assert_eq!(producer.get(key), Some(value), "{key}");
    }
    let consumer = client_config::consumer(&program.consumer).unwrap();
    for (key, value) in [
        ("client.rack", "r1"),
        ("partition.assignment.strategy", "range"),
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.password", "hush"),
        ("enable.auto.commit", "true"),
        ("auto.commit.interval.ms", "1000"),
        ("enable.auto.offset.store", "false"),
        // As long as a session, which is more than giving partitions up may take, and 30 s.
        ("max.poll.interval.ms", "75000"),
    ] {
        assert_eq!(consumer.get(key), Some(value), "{key}");
    }
}

#[test]
fn every_setting_of_the_librarys_becomes_its_setting() {
    for (flag, key, value) in [
        ("producer.brokers=a:1,b:2", "bootstrap.servers", "a:1,b:2"),
        ("producer.protocol-version=0.9.0", "broker.version.fallback", "0.9.0"),
        ("producer.required-acks=all", "enable.idempotence", "true"),
        ("producer.required-acks=local", "acks", "1"),
        ("producer.required-acks=local", "enable.idempotence", "false"),
        ("producer.required-acks=noack", "acks", "0"),
        ("producer.batch-linger=7ms", "linger.ms", "7"),
        ("producer.batch-size=7000", "batch.size", "7000"),
        ("producer.batch-size=0", "batch.size", "1000000"),
        ("producer.batch-max-messages=7", "batch.num.messages", "7"),
        ("producer.max-message-bytes=7000", "message.max.bytes", "7000"),
        ("consumer.group-id=us", "group.id", "us"),
        ("consumer.client-id=me", "client.id", "me"),
        ("consumer.instance-id=me", "group.instance.id", "me"),
        ("consumer.rack-id=r", "client.rack", "r"),
        ("consumer.assignor=roundrobin", "partition.assignment.strategy", "roundrobin"),
        ("consumer.fetch-max-message-bytes=70000", "fetch.message.max.bytes", "70000"),
        ("consumer.fetch-max-message-bytes=70000", "queued.max.messages.kbytes", "68"),
        ("consumer.session-timeout=7s", "session.timeout.ms", "7000"),
        ("consumer.commit-interval=7s", "auto.commit.interval.ms", "7000"),
        ("consumer.metadata-refresh-interval=7s", "topic.metadata.refresh.interval.ms", "7000"),
    ] {
        let program = parsed(&[&format!("--kafka.{flag}")]);
        let config = if flag.starts_with("producer") {
            client_config::producer(&program.producer).unwrap()
        } else {
            client_config::consumer(&program.consumer).unwrap()
        };
        assert_eq!(config.get(key), Some(value), "{flag}");
    }
}

/// What we take the library takes, too: nothing is refused later than where flags are checked.
#[test]
fn the_ends_of_every_range_are_taken_by_the_library() {
    for flags in [
        &["--kafka.producer.batch-linger=59999ms", "--kafka.producer.batch-size=4294967295"][..],
        &["--kafka.producer.batch-linger=0s", "--kafka.producer.batch-size=1"],
        &["--kafka.producer.batch-max-messages=1000000", "--kafka.producer.max-message-bytes=1000000000"],
        &["--kafka.producer.batch-max-messages=1", "--kafka.producer.max-message-bytes=1000"],
        &["--kafka.producer.compression=ZSTD", "--kafka.producer.compression-level=22"],
        &["--kafka.producer.compression=lz4", "--kafka.producer.compression-level=17"],
        &["--kafka.producer.compression=GZIP", "--kafka.producer.compression-level=9"],
        &["--kafka.producer.required-acks=NoAck"],
    ] {
        let config = client_config::producer(&parsed(flags).producer).unwrap();
        config
            .create::<rdkafka::producer::BaseProducer>()
            .unwrap_or_else(|error| panic!("{flags:?}: {error}"));
    }
    for flags in [
        &["--kafka.consumer.session-timeout=6s", "--kafka.consumer.release-timeout=0s"][..],
        &["--kafka.consumer.session-timeout=30m", "--kafka.consumer.release-timeout=299s"],
        &["--kafka.consumer.metadata-refresh-interval=0s", "--kafka.consumer.commit-interval=1ns"],
        &["--kafka.consumer.metadata-refresh-interval=1h", "--kafka.consumer.commit-interval=9999h"],
        &["--kafka.consumer.fetch-max-message-bytes=1000"],
        &["--kafka.consumer.fetch-max-message-bytes=1000000000"],
    ] {
        let config = client_config::consumer(&parsed(flags).consumer).unwrap();
        config
            .create::<rdkafka::consumer::BaseConsumer>()
            .unwrap_or_else(|error| panic!("{flags:?}: {error}"));
    }
}

#[test]
fn what_a_codec_or_the_time_of_a_record_does_not_allow_is_refused_by_name() {
    for (flags, named) in [
        (&["--kafka.producer.compression-level=3"][..], "--kafka.producer.compression-level=3: "),
        (&["--kafka.producer.compression=gzip", "--kafka.producer.compression-level=10"], "levels up to 9"),
        (&["--kafka.producer.compression=lz4", "--kafka.producer.compression-level=18"], "levels up to 17"),
        (&["--kafka.producer.batch-linger=60s"], "--kafka.producer.batch-linger=60s: "),
    ] {
        let error = refused(flags);
        assert!(error.contains(named), "{flags:?}: {error}");
    }
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    for (flags, named) in [
        (&["--kafka.producer.brokers="][..], "--kafka.producer.brokers: "),
        (&["--kafka.consumer.brokers=http://a:1"], "--kafka.consumer.brokers: "),
        (&["--kafka.producer.topic="], "--kafka.producer.topic: "),
        (&["--kafka.producer.batch-min-messages=5"], "--kafka.producer.batch-min-messages=5: "),
        (
            &["--kafka.consumer.metadata-refresh-interval=61m"],
            "--kafka.consumer.metadata-refresh-interval: set it to 1h",
        ),
        (&["--kafka.consumer.authentication=tls"], "--kafka.consumer.tls.cert"),
        (&["--kafka.consumer.authentication=plaintext"], "--kafka.consumer.plaintext.username: "),
        (&["--kafka.producer.plaintext.password=hush"], "--kafka.producer.authentication=plaintext only"),
        (
            &["--kafka.producer.authentication=plaintext", "--kafka.producer.plaintext.username=u"],
            "--kafka.producer.plaintext.password: ",
        ),
        (&["--kafka.producer.tls.ca=/no/file"], "--kafka.producer.tls.enabled only"),
        (
            &["--kafka.producer.tls.enabled", "--kafka.producer.tls.ca=/no/file"],
            "--kafka.producer.tls.ca=/no/file: No such file",
        ),
        (
            &["--kafka.consumer.tls.enabled", "--kafka.consumer.tls.server-name=n"],
            "--kafka.consumer.tls.server-name: ",
        ),
        (&["--kafka.consumer.tls.skip-host-verify"], "--kafka.consumer.tls.enabled only"),
        (
            &["--kafka.consumer.plaintext.mechanism=SCRAM-SHA-256"],
            "--kafka.consumer.authentication=plaintext",
        ),
        (&["--kafka.consumer.kerberos.username=me"], "--kafka.consumer.authentication=kerberos only"),
        (&["--kafka.consumer.group-id="], "--kafka.consumer.group-id: "),
        (&["--kafka.consumer.session-timeout=1s"], "--kafka.consumer.session-timeout: "),
        (&["--kafka.consumer.release-timeout=5m"], "--kafka.consumer.release-timeout: "),
    ] {
        let error = refused(flags);
        assert!(error.contains(named), "{flags:?}: {error}");
    }
    for flag in [
        "--kafka.producer.required-acks=some",
        "--kafka.producer.compression=brotli",
        "--kafka.producer.authentication=oauth",
        "--kafka.consumer.plaintext.mechanism=MD5",
        "--kafka.consumer.protocol-version=new",
        "--kafka.consumer.initial-offset=newest",
    ] {
        assert!(Program::try_parse_from(["test", flag]).is_err(), "{flag}");
    }
}

#[cfg(not(feature = "kerberos"))]
#[test]
fn kerberos_is_refused_by_a_program_built_without_it() {
    let error = refused(&["--kafka.producer.authentication=kerberos"]);
    assert!(
        error.contains("--kafka.producer.authentication=kerberos: ") && error.contains("libsasl2-dev"),
        "{error}"
    );
}

#[cfg(feature = "kerberos")]
#[test]
fn what_kerberos_needs_becomes_the_librarys_settings() {
    let folder = tempfile::tempdir().unwrap();
    let keytab = folder.path().join("kafka.keytab");
    std::fs::write(&keytab, "").unwrap();
    let keytab = format!("--kafka.producer.kerberos.keytab-file={}", keytab.display());
    let flags = [
        "--kafka.producer.authentication=kerberos",
        "--kafka.producer.kerberos.use-keytab",
        "--kafka.producer.kerberos.username=me",
        "--kafka.producer.kerberos.realm=R",
        "--kafka.producer.kerberos.service-name=brokers",
        &keytab,
    ];
    let config = client_config::producer(&parsed(&flags).producer).unwrap();
    for (key, value) in [
        ("sasl.mechanism", "GSSAPI"),
        ("sasl.kerberos.service.name", "brokers"),
        ("sasl.kerberos.principal", "me@R"),
    ] {
        assert_eq!(config.get(key), Some(value), "{key}");
    }
    assert!(config.get("sasl.kerberos.keytab").is_some_and(|path| keytab.ends_with(path)));
    for (flag, named) in [
        ("kerberos.password=hush", "kerberos.use-keytab"),
        ("kerberos.use-keytab=false", "kerberos.use-keytab"),
        ("kerberos.config-file=/other", "kerberos.config-file"),
        ("kerberos.disable-fast-negotiation", "kerberos.disable-fast-negotiation"),
        ("kerberos.realm=", "kerberos.username"),
        ("kerberos.keytab-file=/no/file", "kerberos.keytab-file=/no/file"),
    ] {
        let (flag, named) = (format!("--kafka.producer.{flag}"), format!("--kafka.producer.{named}"));
        let name = flag.split('=').next().unwrap();
        let others = flags.iter().copied().filter(|other| other.split('=').next() != Some(name));
        let error = refused(&others.chain([flag.as_str()]).collect::<Vec<_>>());
        assert!(error.contains(&named), "{flag}: {error}");
    }
}

#[test]
fn a_password_may_stand_in_a_file_and_a_file_of_no_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    let flag = format!("--kafka.producer.plaintext.password-file={}", path.display());
    let flags =
        ["--kafka.producer.authentication=plaintext", "--kafka.producer.plaintext.username=u", flag.as_str()];
    std::fs::write(&path, "hush hush \r\n").unwrap();
    let config = client_config::producer(&parsed(&flags).producer).unwrap();
    assert_eq!(config.get("sasl.password"), Some("hush hush "));
    std::fs::write(&path, "\n").unwrap();
    assert!(refused(&flags).contains("/password: it is empty"));
}
