//! TLS and users, against a broker that wants them.

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use spoor_topic::conformance::{keyed, read, soon, until, write_all};
use spoor_topic::{RecordError, TopicReader, TopicWriter, Unreachable};
use spoor_topic_kafka::KafkaWriter;
use support::{Topic, settings};
use xtask::servers::{Kafka, KafkaSecurity};

const USER: &str = "spoor";
/// Has the same password, and may do nothing.
const STRANGER: &str = "stranger";
const PASSWORD: &str = "a-secret-of-the-test";

/// Files of an authority, and of a client's certificate.
struct Certificates {
    folder: tempfile::TempDir,
    authority: String,
    node: String,
}

impl Certificates {
    fn make() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("certificates can be made");
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("certificates can be made");
        let authority = params.self_signed(&key).expect("certificates can be made").pem();
        let issuer = Issuer::new(params, key);
        let signed = || {
            let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])
                .expect("certificates can be made");
            params.distinguished_name.push(rcgen::DnType::CommonName, "signed by it");
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let key = KeyPair::generate().expect("certificates can be made");
            (params.signed_by(&key, &issuer).expect("certificates can be made").pem(), key.serialize_pem())
        };
        let (node, node_key) = signed();
        let (client, client_key) = signed();
        let folder = tempfile::tempdir().expect("certificates can be made");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("certificates can be made")
        };
        write("ca.pem", &authority);
        write("client.pem", &client);
        write("client.key", &client_key);
        Self { folder, authority, node: format!("{node_key}{node}") }
    }

    fn path(&self, name: &str) -> String {
        Path::new(self.folder.path()).join(name).display().to_string()
    }
}

fn both_sides(flags: &[String]) -> Vec<String> {
    let of = |side: &str| -> Vec<String> { flags.iter().map(|flag| flag.replace("SIDE", side)).collect() };
    [of("producer"), of("consumer")].concat()
}

/// Writes and reads one record.
async fn works(topic: &Topic, flags: &[String]) {
    let flags = both_sides(flags);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let writer = topic.write_by(&flags);
    write_all(&writer, &[keyed("k", "v")]).await;
    let reader = topic.read_by(&support::fresh_name("group"), &flags);
    let seen = read(&reader, 1).await;
    assert_eq!(seen.payloads(), ["v"]);
    reader.settle(&seen.claims(), spoor_topic::Fate::Stored);
    reader.close(soon()).await.expect("the last commit succeeds");
}

/// Waits until this side knows why it is not let in.
async fn is_told(side: &str, reachable: impl Fn() -> Result<(), Unreachable>, word: &str) {
    let known = async {
        loop {
            let down = reachable().expect_err("it is not let in");
            if down.reason.contains(word) {
                return down;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let down = tokio::time::timeout(Duration::from_secs(60), known).await;
    let down = down.unwrap_or_else(|_| panic!("the {side} has no word of {word}: {:?}", reachable()));
    assert!(!down.reason.contains(PASSWORD) && !down.reason.contains("wrong-"), "{side}: {down}");
}

/// Waits until both sides know why they are not let in.
async fn reason(topic: &Topic, flags: &[String], word: &str) {
    let flags = both_sides(flags);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let writer = topic.write_by(&flags);
    is_told("writer", || writer.reachable(), word).await;
    let reader = topic.read_by(&support::fresh_name("group"), &flags);
    is_told("reader", || reader.reachable(), word).await;
    let answers = writer.write(&[keyed("k", "v")], soon()).await;
    let is_away =
        |error: &RecordError| matches!(error, RecordError::Unavailable { .. } | RecordError::NoTopic { .. });
    assert!(matches!(&answers[..], [Err(error)] if is_away(error)), "{answers:?}");
}

/// Waits until the writer says that it takes a person to bring the topic.
async fn takes_a_person(writer: &KafkaWriter, word: &str) {
    let end = soon();
    loop {
        let answers = writer.write(&[keyed("k", "v")], end).await;
        match &answers[..] {
            [Err(RecordError::NoTopic { reason, .. })] if reason.contains(word) => return,
            [Err(RecordError::Unavailable { .. })] if Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            _ => panic!("{answers:?}"),
        }
    }
}

/// Of the producer and of the consumer alike.
fn flag(text: &str) -> String {
    format!("--kafka.SIDE.{text}")
}

fn user(mechanism: &str, password: &str) -> [String; 4] {
    [
        flag("authentication=plaintext"),
        flag(&format!("plaintext.username={USER}")),
        flag(&format!("plaintext.password={password}")),
        flag(&format!("plaintext.mechanism={mechanism}")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_users_are_shown_and_wrong_ones_told() {
    let certificates = Certificates::make();
    let kafka = tokio::task::block_in_place(|| {
        Kafka::start_secured(&KafkaSecurity {
            authority: &certificates.authority,
            certificate_and_key: &certificates.node,
            user: USER,
            password: PASSWORD,
            stranger: STRANGER,
        })
    })
    .unwrap();
    let open = Topic::make(kafka.brokers()).await;
    let at = |brokers: String| Topic { brokers, name: open.name.clone() };
    let ca = flag(&format!("tls.ca={}", certificates.path("ca.pem")));
    let own = [
        flag("authentication=tls"),
        ca.clone(),
        flag(&format!("tls.cert={}", certificates.path("client.pem"))),
        flag(&format!("tls.key={}", certificates.path("client.key"))),
    ];
    works(&at(kafka.tls()), &own).await;
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let topic = Topic::make(kafka.brokers()).await;
        let name = topic.name.clone();
        works(&Topic { brokers: kafka.sasl(), name }, &user(mechanism, PASSWORD)).await;
    }
    let topic = Topic::make(kafka.brokers()).await;
    let tls = [flag("tls.enabled=true"), ca.clone()];
    let with_tls = [user("SCRAM-SHA-256", PASSWORD).to_vec(), tls.to_vec()].concat();
    works(&Topic { brokers: kafka.sasl_tls(), name: topic.name }, &with_tls).await;

    let topic = Topic::make(kafka.brokers()).await;
    let unchecked = [flag("tls.enabled=true"), flag("tls.skip-host-verify=true")];
    let unchecked = [user("PLAIN", PASSWORD).to_vec(), unchecked.to_vec()].concat();
    works(&Topic { brokers: kafka.sasl_tls(), name: topic.name }, &unchecked).await;

    let stranger: Vec<String> = both_sides(&[
        flag("authentication=plaintext"),
        flag(&format!("plaintext.username={STRANGER}")),
        flag(&format!("plaintext.password={PASSWORD}")),
    ]);
    let stranger: Vec<&str> = stranger.iter().map(String::as_str).collect();
    takes_a_person(&at(kafka.sasl()).write_by(&stranger), "access rules").await;

    reason(&at(kafka.sasl()), &user("PLAIN", "wrong-one"), ".plaintext").await;
    reason(&at(kafka.sasl()), &user("SCRAM-SHA-512", "wrong-one"), ".plaintext").await;
    let unknown = [user("SCRAM-SHA-512", PASSWORD).to_vec(), tls.to_vec()].concat();
    reason(&at(kafka.sasl_tls()), &unknown, ".plaintext.mechanism").await;
    reason(&at(kafka.sasl_tls()), &unknown, "PLAIN,SCRAM-SHA-256").await;
    reason(&at(kafka.sasl_tls()), &[flag("tls.enabled=true")], "TLS").await;
    reason(&at(kafka.tls()), &[flag("tls.enabled=true"), ca], "ssl://").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_nobody_makes_is_told_and_used_when_it_is_there() {
    let kafka =
        tokio::task::block_in_place(|| Kafka::start_with("auto.create.topics.enable=false\n")).unwrap();
    let topic = Topic { brokers: kafka.brokers().to_owned(), name: support::fresh_name("missing") };
    reason(&topic, &[], "auto.create.topics.enable").await;
    let writer = topic.write_by(&[]);
    takes_a_person(&writer, "auto.create.topics.enable").await;
    let (_, consumer) = settings(&topic.flags(&["--kafka.consumer.metadata-refresh-interval=1s"]));
    let reader = spoor_topic_kafka::KafkaReader::open(&consumer).unwrap();
    topic.create().await;
    write_all(&writer, &[keyed("k", "v")]).await;
    let mut seen = spoor_topic::conformance::Seen::default();
    until(&reader, &mut seen, |seen| seen.records.len() == 1).await;
}
