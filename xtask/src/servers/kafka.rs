//! Kafka from its jars: one process, broker and controller at once (KRaft), loopback only, in a bounded heap.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::recipe::{Kind, Launching, Packaging, Place, Recipe, Release};

const ARTIFACT: &str = "org.apache.kafka:kafka_2.13";
/// Without it the broker logs nothing.
const LOGGING: &[&str] = &["org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"];
/// Above the clients' ports.
const CONTROLLER_OFFSET: u16 = 1_000;
/// What a test adds to the configuration, and to the arguments of the tool that formats the data folder.
const MORE_PROPERTIES: &str = "more.properties";
const FORMAT_ARGUMENTS: &str = "format.arguments";
const CLUSTER_ID: &str = "cluster.id";
const PROBE_LIMIT: Duration = Duration::from_secs(5);

const fn kafka(version: &'static str) -> Release {
    Release {
        version,
        artifact: ARTIFACT,
        beside: LOGGING,
        packaging: Packaging::Jars,
        jdk: 17..=u32::MAX,
        flags: &[],
    }
}

/// The broker.
pub(super) const KAFKA: Recipe = Recipe {
    name: "kafka",
    kind: Kind::Broker,
    releases: &[kafka("4.4.0"), kafka("4.1.0"), kafka("4.0.0"), kafka("3.9.1")],
    untold_version: 0,
    ports: 18_401..=18_499,
    prepare,
    command,
    is_ready,
};

/// Adds to the configuration of a broker that was not started yet.
pub(super) fn configure(place: &Place, properties: &str, format_arguments: &[String]) -> Result<()> {
    fs::write(place.folder.join(MORE_PROPERTIES), properties)
        .context("write the broker's further settings")?;
    fs::write(place.folder.join(FORMAT_ARGUMENTS), format_arguments.join("\n"))
        .context("write how the broker's data folder is formatted")
}

/// Where the controller of a broker on this port listens.
pub(super) fn controller_port(port: u16) -> u16 {
    port + CONTROLLER_OFFSET
}

fn prepare(place: &Place) -> Result<()> {
    fs::write(place.folder.join(CLUSTER_ID), cluster_id()).context("write the cluster's id")?;
    let log4j = "status = error\nappender.out.type = Console\nappender.out.name = out\nappender.out.layout.type = PatternLayout\n\
                 appender.out.layout.pattern = %d %p %m (%c)%n\nrootLogger.level = info\nrootLogger.appenderRef.out.ref = out\n";
    fs::write(place.folder.join("log4j2.properties"), log4j).context("write the broker's log settings")?;
    configure(place, "", &[])
}

/// 16 random bytes in the alphabet of URLs, as Kafka has its ids: 21 letters of 6 bits and one of 2.
fn cluster_id() -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    let state = RandomState::new();
    let letter = |index: u64| {
        let number = state.hash_one(index) % letters.len() as u64;
        char::from(letters[usize::try_from(number).unwrap_or(0)])
    };
    let mut id: String = (0..21).map(letter).collect();
    id.push('A');
    id
}

fn command(launching: &Launching<'_>) -> Result<Command> {
    let place = launching.place;
    let properties = place.folder.join("server.properties");
    let more = fs::read_to_string(place.folder.join(MORE_PROPERTIES)).context("read further settings")?;
    fs::write(&properties, settings(place, &more))
        .with_context(|| format!("write {}", properties.display()))?;
    if !place.folder.join("data").exists() {
        format_data(launching, &properties)?;
    }
    let mut command = java(launching);
    command.arg("kafka.Kafka").arg(&properties);
    Ok(command)
}

/// `more` may name the listeners anew: the last line of a name counts.
fn settings(place: &Place, more: &str) -> String {
    let (port, controller) = (place.port, controller_port(place.port));
    format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         log.dirs={}/data\noffsets.topic.num.partitions=3\noffsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         transaction.state.log.num.partitions=3\ngroup.initial.rebalance.delay.ms=0\nlog.cleaner.backoff.ms=500\n{more}",
        place.folder.display()
    )
}

fn format_data(launching: &Launching<'_>, properties: &Path) -> Result<()> {
    let folder = &launching.place.folder;
    let id = fs::read_to_string(folder.join(CLUSTER_ID)).context("read the cluster's id")?;
    let more =
        fs::read_to_string(folder.join(FORMAT_ARGUMENTS)).context("read the arguments of formatting")?;
    let output = java(launching)
        .args(["kafka.tools.StorageTool", "format", "-t", &id, "-c"])
        .arg(properties)
        .args(more.lines())
        .stdin(Stdio::null())
        .output()
        .context("format the broker's data folder")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "formatting the broker's data folder failed: {said}{complained}");
    Ok(())
}

fn java(launching: &Launching<'_>) -> Command {
    let Launching { release, java, files, place } = *launching;
    let mut command = Command::new(java);
    let logging = format!("-Dlog4j2.configurationFile={}/log4j2.properties", place.folder.display());
    command
        .args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", &logging])
        .args(release.flags)
        .arg("-cp")
        .arg(files.join("*"));
    command
}

/// The broker tells itself among the brokers of our cluster: it has joined, and serves requests. An open port says less.
fn is_ready(place: &Place) -> bool {
    let id = fs::read_to_string(place.folder.join(CLUSTER_ID)).unwrap_or_default();
    metadata(place.port).is_ok_and(|answer| tells(&answer, place.port, &id))
}

/// Whether an answer of metadata names one broker, on this port, and this cluster.
fn tells(answer: &[u8], port: u16, cluster: &str) -> bool {
    // Correlation id and throttle time, then the list of brokers: number, host, port, …
    let brokers = answer.get(8..12);
    let port = i32::from(port).to_be_bytes();
    brokers == Some(&1_i32.to_be_bytes())
        && answer.windows(port.len()).any(|window| window == port)
        && answer.windows(cluster.len()).any(|window| window == cluster.as_bytes())
}

/// The answer to a request for metadata (version 4, of no topic), without its length.
fn metadata(port: u16) -> Result<Vec<u8>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream =
        TcpStream::connect_timeout(&address, PROBE_LIMIT).with_context(|| format!("connect to {address}"))?;
    stream.set_read_timeout(Some(PROBE_LIMIT)).context("bound reads")?;
    stream.set_write_timeout(Some(PROBE_LIMIT)).context("bound writes")?;
    stream.write_all(&metadata_request()).context("send the request")?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).context("read the answer's length")?;
    let length = u32::from_be_bytes(length);
    ensure!(length < 65_536, "an answer of {length} bytes");
    let mut answer = vec![0; usize::try_from(length).context("a length")?];
    stream.read_exact(&mut answer).context("read the answer")?;
    Ok(answer)
}

fn metadata_request() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(3_i16.to_be_bytes()); // metadata
    body.extend(4_i16.to_be_bytes()); // version
    body.extend(1_i32.to_be_bytes()); // correlation id
    body.extend(5_i16.to_be_bytes());
    body.extend(b"spoor"); // client id
    body.extend(0_i32.to_be_bytes()); // no topics
    body.push(0); // and none are made
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [length.to_be_bytes().to_vec(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_has_the_length_of_kafkas() {
        let id = cluster_id();
        assert_eq!(id.len(), 22);
        assert_ne!(id, cluster_id());
    }

    #[test]
    fn a_request_says_its_length() {
        let request = metadata_request();
        assert_eq!(request[..4], u32::try_from(request.len() - 4).unwrap().to_be_bytes());
    }

    #[test]
    fn only_our_own_broker_is_ready() {
        let answer = |brokers: i32, port: i32, cluster: &str| {
            let mut answer = vec![0; 8];
            answer.extend(brokers.to_be_bytes());
            answer.extend(1_i32.to_be_bytes());
            answer.extend(port.to_be_bytes());
            answer.extend(cluster.as_bytes());
            answer
        };
        assert!(tells(&answer(1, 18_401, "abc"), 18_401, "abc"));
        assert!(!tells(&answer(0, 18_401, "abc"), 18_401, "abc"), "not joined yet");
        assert!(!tells(&answer(1, 18_402, "abc"), 18_401, "abc"), "another port");
        assert!(!tells(&answer(1, 18_401, "xyz"), 18_401, "abc"), "another cluster");
        assert!(!tells(&[], 18_401, "abc"));
    }

    #[test]
    fn more_settings_come_last() {
        let place = Place { folder: "/folder".into(), port: 18_401 };
        let text = settings(&place, "num.partitions=3\n");
        assert!(text.ends_with("\nnum.partitions=3\n") && text.contains("1@127.0.0.1:19401\n"), "{text}");
    }
}
