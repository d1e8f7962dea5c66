//! TLS to the store: whom we trust, who we say we are, and what is said of files that cannot be used.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prometheus_client::registry::Registry;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use spoor_storage::conformance::{Sample, batch_of, some_minutes_ago, trace_id};
use spoor_storage::{RequestContext, SpanWriter};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore, TlsConfig};
use support::fake::{Answer, Asked, FakeServer, healthy};

/// An RSA key: rcgen makes none with ring.
const RSA_KEY: &str = include_str!("keys/rsa-2048-for-tests-only.pem");

/// An authority of its own, and a folder for what it gives out.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, folder: tempfile::tempdir().unwrap() };
        authority.file("ca.pem", &authority.issuer.pem());
        authority
    }

    /// The path of a file, written first.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn ca(&self) -> String {
        self.folder.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    /// A certificate for the key, in PEM.
    fn certificate(&self, name: &str, key: &KeyPair) -> rcgen::Certificate {
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(key, &self.issuer).unwrap()
    }

    /// A store whose certificate bears this name; with `asks`, it demands a certificate of ours.
    fn store(&self, name: &str, asks: bool) -> FakeServer {
        self.store_that(name, asks, healthy)
    }

    /// As [`Authority::store`], with answers of its own.
    fn store_that(
        &self,
        name: &str,
        asks: bool,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> FakeServer {
        let key = KeyPair::generate().unwrap();
        let chain = vec![self.certificate(name, &key).der().clone()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        FakeServer::start_tls(builder.with_single_cert(chain, key).unwrap(), answer)
    }
}

fn config(server: Option<&FakeServer>, tls: TlsConfig) -> Config {
    let mut config = Config::default();
    let address = server.map_or_else(|| "127.0.0.1:1".to_owned(), |server| server.address.to_string());
    config.connection.server_urls = vec![format!("https://{address}").parse().unwrap()];
    config.connection.tls = TlsConfig { enabled: true, ..tls };
    config
}

/// Whether TLS is spoken is said by the address; the settings say more than that.
#[tokio::test]
async fn an_https_address_is_spoken_to_by_tls_without_settings_and_the_systems_authorities_decide() {
    let authority = Authority::new();
    let server = authority.store("127.0.0.1", false);
    let mut config = config(Some(&server), TlsConfig::default());
    config.connection.tls.enabled = false;
    let store = ElasticsearchStore::open(&config, &mut Registry::default()).unwrap();
    let context = RequestContext::with_timeout(Duration::from_secs(20));
    let batch = batch_of(&[Sample::new(trace_id(1), 1, some_minutes_ago())]);
    let error = store.writer().write(&context, &batch).await.unwrap_err().to_string();
    assert!(error.contains("certificate") && error.contains("check --es.tls.ca"), "{error}");
    assert!(server.asked("").is_empty(), "nothing was said to a stranger");
}

/// Writes a span: how many are stored, or why not.
async fn write(server: &FakeServer, tls: TlsConfig) -> Result<usize, String> {
    let config = config(Some(server), tls);
    let store =
        ElasticsearchStore::open(&config, &mut Registry::default()).map_err(|error| error.to_string())?;
    let context = RequestContext::with_timeout(Duration::from_secs(20));
    let batch = batch_of(&[Sample::new(trace_id(1), 1, some_minutes_ago())]);
    let written = store.writer().write(&context, &batch).await;
    written.map(|written| written.stored).map_err(|error| error.to_string())
}

fn pem(kind: &str, der: &[u8]) -> String {
    let lines: Vec<String> = STANDARD
        .encode(der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

#[tokio::test]
async fn the_store_is_trusted_by_the_authority_in_the_file_and_by_no_other() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = authority.store("127.0.0.1", false);
    let with = |ca: String| TlsConfig { ca, ..TlsConfig::default() };
    assert_eq!(write(&server, with(authority.ca())).await, Ok(1));
    let error = write(&server, with(other.ca())).await.unwrap_err();
    assert!(error.contains("certificate") && error.contains("check --es.tls.ca"), "{error}");
    let error = write(&server, TlsConfig::default()).await.unwrap_err();
    assert!(error.contains("check --es.tls.ca"), "the system does not know it: {error}");
    let both = format!("{}{}", other.issuer.pem(), authority.issuer.pem());
    assert_eq!(write(&server, with(authority.file("both.pem", &both))).await, Ok(1));
}

#[tokio::test]
async fn the_name_in_the_certificate_is_the_one_that_is_set() {
    let authority = Authority::new();
    let server = authority.store("node.example", false);
    let with =
        |name: &str| TlsConfig { ca: authority.ca(), server_name: name.to_owned(), ..TlsConfig::default() };
    let error = write(&server, with("")).await.unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(write(&server, with("node.example")).await, Ok(1));
    assert!(write(&server, with("other.example")).await.is_err());
    let error = write(&server, with("no name")).await.unwrap_err();
    assert!(error.contains("--es.tls.server-name"), "{error}");
}

#[tokio::test]
async fn without_verification_any_certificate_will_do() {
    let server = Authority::new().store("node.example", false);
    let tls = TlsConfig { skip_host_verify: true, ..TlsConfig::default() };
    assert_eq!(write(&server, tls).await, Ok(1));
}

#[tokio::test]
async fn nodes_that_were_found_are_asked_by_tls_where_it_is_set() {
    let authority = Authority::new();
    let found = authority.store("127.0.0.1", false);
    let address = found.address;
    let first = authority.store_that("127.0.0.1", false, move |asked| {
        if asked.line.starts_with("GET /_nodes/http") {
            let node = format!(r#"{{"http":{{"publish_address":"{address}"}}}}"#);
            return (200, "", format!(r#"{{"nodes":{{"a":{node}}}}}"#));
        }
        healthy(asked)
    });
    let mut config = config(Some(&first), TlsConfig { ca: authority.ca(), ..TlsConfig::default() });
    (config.connection.sniffing.enabled, config.connection.sniffing.tls) = (true, true);
    let store = ElasticsearchStore::open(&config, &mut Registry::default()).unwrap();
    let context = RequestContext::with_timeout(Duration::from_secs(20));
    let batch = batch_of(&[Sample::new(trace_id(1), 1, some_minutes_ago())]);
    while found.asked("_bulk").is_empty() {
        assert_eq!(store.writer().write(&context, &batch).await.unwrap().stored, 1);
    }
}

#[tokio::test]
async fn our_certificate_is_shown_with_a_key_in_any_of_three_forms() {
    let authority = Authority::new();
    let server = authority.store("127.0.0.1", true);
    let without = TlsConfig { ca: authority.ca(), ..TlsConfig::default() };
    assert!(write(&server, without.clone()).await.is_err(), "the store demands one");

    let (elliptic, rsa) = (KeyPair::generate().unwrap(), KeyPair::from_pem(RSA_KEY).unwrap());
    // Both forms lie within PKCS#8: the inner key of a P-256 pair, and the RSA key behind 26 bytes of envelope.
    let der = elliptic.serialize_der();
    let inner = der.windows(5).position(|part| part == [0x30, 0x6b, 2, 1, 1]).unwrap();
    let forms = [
        (&elliptic, elliptic.serialize_pem()),
        (&elliptic, pem("EC PRIVATE KEY", &der[inner..])),
        (&rsa, RSA_KEY.to_owned()),
        (&rsa, pem("RSA PRIVATE KEY", &rsa.serialize_der()[26..])),
    ];
    for (position, (pair, key)) in forms.into_iter().enumerate() {
        let tls = TlsConfig {
            cert: authority.file("client.pem", &authority.certificate("client", pair).pem()),
            key: authority.file("client.key", &key),
            ..without.clone()
        };
        assert_eq!(write(&server, tls).await, Ok(1), "form {position}");
    }
}

#[test]
fn a_file_of_no_use_is_named_with_what_is_wrong_with_it() {
    let authority = Authority::new();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let cert = authority.file("client.pem", &authority.certificate("client", &key).pem());
    let other = authority.file("other.key", &other.serialize_pem());
    let empty = authority.file("empty.pem", "");
    let cut = authority.file("cut.pem", "-----BEGIN CERTIFICATE-----\nhush\n");
    let odd = authority.file("odd.pem", &pem("CERTIFICATE", b"hush"));
    let locked = authority.file("locked.key", &pem("ENCRYPTED PRIVATE KEY", b"hush"));
    let missing = "/no/such/file.pem".to_owned();
    let tls = TlsConfig::default;
    for (tls, flag, path, problem) in [
        (TlsConfig { ca: missing.clone(), ..tls() }, "--es.tls.ca", &missing, "No such file"),
        (TlsConfig { ca: empty.clone(), ..tls() }, "--es.tls.ca", &empty, "no certificate"),
        (TlsConfig { ca: cut.clone(), ..tls() }, "--es.tls.ca", &cut, "END"),
        (TlsConfig { ca: odd.clone(), ..tls() }, "--es.tls.ca", &odd, "cannot be used"),
        (
            TlsConfig { cert: empty.clone(), key: other.clone(), ..tls() },
            "--es.tls.cert",
            &empty,
            "no certificate",
        ),
        (
            TlsConfig { cert: cert.clone(), key: missing.clone(), ..tls() },
            "--es.tls.key",
            &missing,
            "No such file",
        ),
        (
            TlsConfig { cert: cert.clone(), key: locked.clone(), ..tls() },
            "--es.tls.key",
            &locked,
            "encrypted",
        ),
        (
            TlsConfig { cert: cert.clone(), key: cert.clone(), ..tls() },
            "--es.tls.key",
            &cert,
            "no private key",
        ),
        (
            TlsConfig { cert: cert.clone(), key: other.clone(), ..tls() },
            "--es.tls.key",
            &other,
            "not the key of",
        ),
    ] {
        let error = config(None, tls).validate().unwrap_err().to_string();
        let told = error.starts_with(&format!("{flag}={path}: ")) && error.contains(problem);
        assert!(told && !error.contains("hush"), "{error}");
    }
}

#[test]
fn settings_of_no_effect_are_refused() {
    let refused = |config: Config| config.validate().unwrap_err().to_string();
    let mut off = config(None, TlsConfig { ca: "/ca".to_owned(), ..TlsConfig::default() });
    off.connection.tls.enabled = false;
    let error = refused(off);
    assert!(error.contains("--es.tls.ca") && error.contains("--es.tls.enabled"), "{error}");
    let mut plain = config(None, TlsConfig::default());
    plain.connection.server_urls = vec!["http://a".parse().unwrap()];
    let error = refused(plain);
    assert!(error.contains("--es.tls.enabled") && error.contains("https://"), "{error}");
    for (cert, key) in [("/c", ""), ("", "/k")] {
        let tls = TlsConfig { cert: cert.to_owned(), key: key.to_owned(), ..TlsConfig::default() };
        let error = refused(config(None, tls));
        assert!(error.contains("go together"), "{error}");
    }
}
