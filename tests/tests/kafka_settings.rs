//! Story: settings of Kafka that cannot work end the program at its start, by name; secrets are not shown.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_tests::binary;
use tokio::process::Command;

async fn run(args: &[&str]) -> Result<Output> {
    run_role(&["collector", "--span-storage.type=kafka"], args).await
}

async fn run_role(role: &[&str], args: &[&str]) -> Result<Output> {
    let mut command = Command::new(binary()?);
    let output = command.args(role).args(args).kill_on_drop(true).output();
    tokio::time::timeout(Duration::from_secs(30), output)
        .await
        .with_context(|| format!("it goes on with {args:?}"))?
        .context("run spoor")
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_by_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let garbage = folder.path().join("garbage.pem");
    std::fs::write(&garbage, "no certificate")?;
    let ca = format!("--kafka.producer.tls.ca={}", garbage.display());
    let plain = "--kafka.producer.authentication=plaintext";
    for (args, expected) in [
        (&["--kafka.producer.encoding=xml"][..], &["kafka.producer.encoding", "xml", "otlp_proto"][..]),
        (&["--kafka.producer.encoding=zipkin-thrift"], &["kafka.producer.encoding", "not written"]),
        (
            &[plain, "--kafka.producer.plaintext.mechanism=SCRAM-SHA-1"],
            &["kafka.producer.plaintext.mechanism", "SCRAM-SHA-512"],
        ),
        (&[plain], &["kafka.producer.plaintext.username"]),
        (&["--kafka.producer.batch-linger=2m"], &["kafka.producer.batch-linger", "60000 ms"]),
        (
            &["--kafka.producer.tls.enabled", "--kafka.producer.tls.ca=missing.pem"],
            &["kafka.producer.tls.ca", "missing.pem"],
        ),
        (&["--kafka.producer.tls.enabled", &ca], &["kafka.producer.tls.ca", "garbage.pem"]),
        (
            &["--kafka.producer.authentication=tls", "--kafka.producer.tls.cert=missing.pem"],
            &["kafka.producer.tls"],
        ),
    ] {
        let output = run(args).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success(), "{args:?} is taken: {said}");
        for word in expected {
            ensure!(said.contains(word), "{args:?} is told without {word}: {said}");
        }
    }
    Ok(())
}

/// Files of use, and of none: text that is no PEM, PEM of nothing, a folder, a key of another certificate.
struct Files(tempfile::TempDir);

impl Files {
    fn make() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("garbage.pem"), "no certificate")?;
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(folder.path().join("hollow.pem"), pem)?;
        std::fs::create_dir(folder.path().join("folder.pem"))?;
        let (certificate, key) = own_certificate()?;
        std::fs::write(folder.path().join("good.pem"), certificate)?;
        std::fs::write(folder.path().join("good.key"), key)?;
        std::fs::write(folder.path().join("other.key"), own_certificate()?.1)?;
        Ok(Self(folder))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

fn own_certificate() -> Result<(String, String)> {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["a".to_owned()])?;
    Ok((cert.pem(), signing_key.serialize_pem()))
}

#[tokio::test]
async fn a_certificate_or_key_of_no_use_is_told_by_its_own_flag_on_either_side() -> Result<()> {
    let files = Files::make()?;
    let (certificate, key) = (files.path("good.pem"), files.path("good.key"));
    let sides: [(&str, &[&str]); 2] =
        [("producer", &["collector", "--span-storage.type=kafka"]), ("consumer", &["ingester"])];
    for (side, role) in sides {
        let flag = |name: &str, file: &str| format!("--kafka.{side}.tls.{name}={file}");
        let enabled = format!("--kafka.{side}.tls.enabled");
        for file in ["missing.pem", "garbage.pem", "folder.pem", "hollow.pem"] {
            let bad = files.path(file);
            let settings = [
                ("ca", vec![flag("ca", &bad)]),
                ("cert", vec![flag("cert", &bad), flag("key", &key)]),
                ("key", vec![flag("cert", &certificate), flag("key", &bad)]),
            ];
            for (name, flags) in settings {
                let args: Vec<&str> = [&enabled].into_iter().chain(&flags).map(String::as_str).collect();
                is_refused(role, &args, &format!("--kafka.{side}.tls.{name}")).await?;
            }
        }
        let strange = [&enabled, &flag("cert", &certificate), &flag("key", &files.path("other.key"))];
        let strange: Vec<&str> = strange.into_iter().map(String::as_str).collect();
        is_refused(role, &strange, &format!("--kafka.{side}.tls.key")).await?;
        let half = flag("cert", &certificate);
        is_refused(role, &[&enabled, &half], &format!("--kafka.{side}.tls.cert")).await?;
    }
    Ok(())
}

/// It ends at its start, and names the flag first.
async fn is_refused(role: &[&str], args: &[&str], flag: &str) -> Result<()> {
    let output = run_role(role, args).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "{args:?} is taken: {said}");
    let first = said.find("--kafka.").map(|at| &said[at..]).unwrap_or_default();
    ensure!(first.starts_with(flag), "{args:?} is told without {flag}: {said}");
    Ok(())
}

#[tokio::test]
async fn settings_of_an_ingester_that_cannot_work_are_refused_by_name() -> Result<()> {
    let plain = "--kafka.consumer.authentication=plaintext";
    for (args, expected) in [
        (
            &["--kafka.consumer.encoding=xml"][..],
            &["kafka.consumer.encoding", "xml", "otlp_proto", "auto"][..],
        ),
        (
            &["--ingester.drain-timeout=25s"],
            &["ingester.drain-timeout=25s", "must be less than --shutdown-timeout=25s"],
        ),
        (
            &["--kafka.consumer.metadata-refresh-interval=2h"],
            &["kafka.consumer.metadata-refresh-interval", "1h"],
        ),
        (
            &[plain, "--kafka.consumer.plaintext.mechanism=SCRAM-SHA-1"],
            &["kafka.consumer.plaintext.mechanism", "SCRAM-SHA-512"],
        ),
        (
            &["--kafka.consumer.tls.enabled", "--kafka.consumer.tls.ca=missing.pem"],
            &["kafka.consumer.tls.ca", "missing.pem"],
        ),
        (&["--kafka.consumer.topic="], &["kafka.consumer.topic"]),
        (&["--ingester.dead-letter-topic=none"], &["ingester.dead-letter-topic", "ingester.dead-letter-dir"]),
        (&["--ingester.dead-letter-topic=jaeger-spans"], &["ingester.dead-letter-topic", "another"]),
        (&["--ingester.parallelism=0"], &["ingester.parallelism"]),
        (&["--ingester.batch-max-bytes=0"], &["ingester.batch-max-bytes"]),
        (&["--span-storage.type=memory"], &["span-storage.type", "all-in-one"]),
        (&["--span-storage.type=kafka"], &["span-storage.type", "elasticsearch"]),
        (&["--kafka.producer.topic=other"], &["kafka.producer.topic"]),
    ] {
        let output = run_role(&["ingester"], args).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success(), "{args:?} is taken: {said}");
        for word in expected {
            ensure!(said.contains(word), "{args:?} is told without {word}: {said}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_all_in_one_writes_and_reads_one_topic_in_one_encoding() -> Result<()> {
    for (args, expected) in [
        ("--kafka.consumer.topic=other", "--kafka.producer.topic=jaeger-spans"),
        ("--kafka.consumer.encoding=json", "--kafka.producer.encoding=protobuf"),
    ] {
        let output = run_role(&["all-in-one", "--span-buffer.type=kafka"], &[args]).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success() && said.contains(expected), "{args}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn the_password_is_masked_wherever_settings_are_shown() -> Result<()> {
    let user = "--kafka.producer.plaintext.username=me";
    let password = "--kafka.producer.plaintext.password=hush-hush";
    let plain = "--kafka.producer.authentication=plaintext";
    let output = run(&[plain, user, password, "--print-config"]).await?;
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(shown.contains("kafka.producer.plaintext.password: '***'"), "{shown}");
    ensure!(shown.contains("kafka.producer.plaintext.username: \"me\""), "{shown}");
    let refused =
        run(&[plain, user, password, "--kafka.producer.tls.enabled", "--kafka.producer.tls.ca=none"]).await?;
    for text in [&output.stdout, &output.stderr, &refused.stderr] {
        ensure!(!String::from_utf8_lossy(text).contains("hush-hush"), "the password is shown");
    }
    Ok(())
}
