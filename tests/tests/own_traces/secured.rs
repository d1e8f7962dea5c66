//! By TLS, own traces go to nobody but whom the authority vouches for; settings that cannot work end the start, and secrets are shown nowhere.

use anyhow::{Result, ensure};
use spoor_tests::authority::Authority;
use spoor_tests::{Role, Spoor, binary, eventually};
use tokio::process::Command;

use crate::{EXPORTED, PATIENCE, SOON, exported};

const MEMORY: &str = "--span-storage.type=memory";
const ENDS: &str = "spoor_tls_certificate_not_after_timestamp_seconds";
/// The first second of 2061.
const OF_2061: f64 = 2_871_763_200.0;
/// How own traces are sent, and the listener and its flags that take them so.
const WAYS: [(&str, &str); 2] = [("grpc", "otlp-grpc"), ("http/protobuf", "otlp-http")];

/// A process that takes spans by TLS from clients of this authority.
async fn secured_endpoint(authority: &Authority) -> Result<Spoor> {
    authority.issue("endpoint", "127.0.0.1")?;
    let mut flags = vec![MEMORY.to_owned()];
    for port in ["collector.otlp.grpc", "collector.otlp.http"] {
        flags.extend(authority.flags(port, "endpoint"));
        flags.push(format!("--{port}.tls.client-ca={}", authority.path("ca")));
    }
    let spoor = Spoor::start(Role::AllInOne, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    spoor.ready().await?;
    Ok(spoor)
}

/// A process whose questions are all recorded and sent there, trusting whom the file `trusted` names.
async fn sender(authority: &Authority, trusted: &str, protocol: &str, address: &str) -> Result<Spoor> {
    let flags = [
        format!("--otel.exporter.otlp.protocol={protocol}"),
        format!("--otel.exporter.otlp.endpoint=https://{address}"),
        format!("--otel.exporter.otlp.certificate={trusted}"),
        format!("--otel.exporter.otlp.client.certificate={}", authority.path("sender.crt")),
        format!("--otel.exporter.otlp.client.key={}", authority.path("sender.key")),
        format!("--otel.service.name=by-{}", &protocol[..4]),
    ];
    let own = [MEMORY, "--query.enable-tracing", "--otel.traces.sampler=always_on", SOON];
    let flags: Vec<&str> = own.into_iter().chain(flags.iter().map(String::as_str)).collect();
    let spoor = Spoor::start(Role::AllInOne, &flags).await?;
    spoor.ready().await?;
    ensure!(
        spoor.query("/api/services").await?.0 == 200,
        "a question is answered whatever becomes of its span"
    );
    Ok(spoor)
}

#[tokio::test(flavor = "multi_thread")]
async fn own_traces_go_by_tls_to_whom_the_authority_vouches_for() -> Result<()> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    authority.issue_until("sender", "sender.test", 2061)?;
    let endpoint = secured_endpoint(&authority).await?;
    for (protocol, listener) in WAYS {
        let address = endpoint.address(listener);
        let spoor = sender(&authority, &authority.path("ca"), protocol, &address).await?;
        ensure!(exported(&spoor, 1.0).await? == 1.0, "{protocol}: {}", spoor.log());
        let (_, services) = endpoint.query("/api/services").await?;
        let name = format!("by-{}", &protocol[..4]);
        ensure!(services["data"].to_string().contains(&name), "{protocol}: {services}");
        let ends = async |setting: &str| -> Result<f64> {
            let label = format!("setting=\"otel.exporter.otlp.{setting}\"");
            Ok(spoor.metrics().await?.sum(ENDS, &label))
        };
        ensure!(ends("client.certificate").await? == OF_2061, "when its certificate ends is told");
        ensure!(ends("certificate").await? > OF_2061, "and when those end whom it trusts");

        let spoor = sender(&authority, &stranger.path("ca"), protocol, &address).await?;
        eventually("the refusal is told", PATIENCE, || async {
            let log = spoor.log();
            let told = log.lines().any(|line| {
                line.contains("own traces cannot be sent") && line.contains("invalid peer certificate")
            });
            ensure!(told, "{log}");
            Ok(())
        })
        .await?;
        ensure!(spoor.metrics().await?.sum(EXPORTED, "") == 0.0, "{protocol}: a stranger gets nothing");
    }
    Ok(())
}

#[tokio::test]
async fn settings_of_own_traces_that_cannot_work_end_the_start_where_a_part_is_traced() -> Result<()> {
    let authority = Authority::new()?;
    authority.issue("sender", "sender.test")?;
    let secured = "--otel.exporter.otlp.endpoint=https://127.0.0.1:1";
    let plain = "--otel.exporter.otlp.endpoint=http://127.0.0.1:1";
    let file = |setting: &str, name: &str| format!("--otel.exporter.otlp.{setting}={}", authority.path(name));
    let (cert, key) = (file("client.certificate", "sender.crt"), file("client.key", "sender.key"));
    for (args, told) in [
        (vec![secured, &file("certificate", "missing")], "--otel.exporter.otlp.certificate="),
        (vec![secured, &file("certificate", "sender.key")], "--otel.exporter.otlp.certificate="),
        (
            vec![secured, &cert],
            "--otel.exporter.otlp.client.certificate: certificate and private key go together",
        ),
        (vec![secured, &cert, &file("client.key", "ca")], "--otel.exporter.otlp.client.key="),
        (vec![plain, &cert, &key], "it has no effect on an http:// endpoint"),
        (vec!["--otel.traces.sampler=jaeger_remote"], "--otel.traces.sampler: "),
        (vec!["--otel.bsp.max.queue.size=100000"], "--otel.bsp.max.queue.size: "),
    ] {
        let check = async |traced: &'static [&'static str]| {
            let program = Command::new(binary()?)
                .args(["all-in-one", "--check-config"])
                .args(&args)
                .args(traced)
                .output();
            let output = program.await?;
            anyhow::Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
        };
        for traced in [&["--query.enable-tracing"], &["--collector.enable-tracing"]] {
            let (taken, said) = check(traced).await?;
            ensure!(!taken && said.contains(told), "{args:?} {traced:?}: {said}");
            ensure!(!said.contains("PRIVATE KEY"), "{said}");
        }
        let (taken, said) = check(&[]).await?;
        ensure!(taken, "nobody looks at {args:?}: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_own_traces_are_shown_neither_with_the_settings_nor_in_any_line() -> Result<()> {
    let secret = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hush,x-key=hush")];
    let shown = Command::new(binary()?).args(["query", "--print-config"]).envs(secret).output().await?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    ensure!(shown.contains("otel.exporter.otlp.headers: '***'") && !shown.contains("hush"), "{shown}");
    let help = Command::new(binary()?).args(["query", "--help"]).envs(secret).output().await?;
    ensure!(!String::from_utf8_lossy(&help.stdout).contains("hush"), "the help shows it");

    let endpoint = Spoor::start(Role::AllInOne, &[MEMORY]).await?;
    endpoint.ready().await?;
    for (protocol, listener) in WAYS {
        let flags = [
            format!("--otel.exporter.otlp.protocol={protocol}"),
            format!("--otel.exporter.otlp.endpoint={}", endpoint.url(listener)),
        ];
        let own =
            [MEMORY, "--query.enable-tracing", "--otel.traces.sampler=always_on", SOON, "--log-level=trace"];
        let flags: Vec<&str> = own.into_iter().chain(flags.iter().map(String::as_str)).collect();
        let spoor = Spoor::start_with(Role::AllInOne, &flags, &secret).await?;
        spoor.ready().await?;
        ensure!(spoor.query("/api/services").await?.0 == 200);
        exported(&spoor, 1.0).await?;
        let ended = spoor.stop().await?;
        ensure!(ended.status.success() && !ended.log.contains("hush"), "{protocol}: {}", ended.log);
    }
    Ok(())
}
