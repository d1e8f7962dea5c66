//! Claims about ports that speak TLS, over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clap::Parser;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::{Listener, ServeOptions};

const PATIENCE: Duration = Duration::from_secs(10);

struct Door;

impl TlsPort for Door {
    const PREFIX: &'static str = "door";
    const NAME: &'static str = "the door";
}

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    tls: TlsArgs<Door>,
}

fn parse(args: &[&str]) -> Result<TlsConfig, clap::Error> {
    let args = args.iter().map(|arg| format!("--door.tls.{arg}"));
    Program::try_parse_from(std::iter::once("spoor".to_owned()).chain(args))
        .map(|program| (*program.tls).clone())
}

/// An authority with a folder of its own.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { folder: tempfile::tempdir().unwrap(), issuer };
        authority.put("ca", &authority.issuer.pem());
        authority
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Puts a certificate for that name and its key into the folder, as `NAME.crt` and `NAME.key`.
    fn issue(&self, file: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        self.put(&format!("{file}.key"), &key.serialize_pem());
        self.put(&format!("{file}.crt"), &certificate.pem());
    }

    /// Settings with the certificate of that file.
    fn config(&self, file: &str, more: &[&str]) -> TlsConfig {
        let files = [
            format!("cert={}", self.path(&format!("{file}.crt"))),
            format!("key={}", self.path(&format!("{file}.key"))),
        ];
        let args: Vec<&str> = std::iter::once("enabled")
            .chain(files.iter().map(String::as_str))
            .chain(more.iter().copied())
            .collect();
        parse(&args).unwrap()
    }

    /// A client that trusts this authority, and shows the certificate of that file if there is one.
    fn client(
        &self,
        shows: Option<&str>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match shows {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let path = |end: &str| self.folder.path().join(format!("{file}.{end}"));
                let chain = vec![CertificateDer::from_pem_file(path("crt")).unwrap()];
                builder
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(path("key")).unwrap())
                    .unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

struct Served {
    address: SocketAddr,
    _server: AbortOnDropHandle<std::io::Result<()>>,
}

fn serve(config: &TlsConfig, options: ServeOptions) -> Served {
    let listener = Listener::bind("door", &"127.0.0.1:0".parse().unwrap()).unwrap().with_tls(config).unwrap();
    let address = listener.local_addr();
    let router = Router::new().route("/", get(|| async { "hello" }));
    let server = tokio::spawn(crate::serve(listener, router, options, CancellationToken::new()));
    Served { address, _server: AbortOnDropHandle::new(server) }
}

async fn connect(
    address: SocketAddr,
    client: &TlsConnector,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    client.connect(ServerName::try_from(name).unwrap(), stream).await
}

/// One request on a connection of its own.
async fn ask(address: SocketAddr, client: &TlsConnector, name: &'static str) -> std::io::Result<String> {
    let asking = async {
        let mut stream = connect(address, client, name).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("an answer in time")
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_answered_and_the_end_is_told() {
    let authority = Authority::new();
    authority.issue("one", "one.test");
    let served = serve(&authority.config("one", &[]), ServeOptions::default());
    let client = authority.client(None, rustls::ALL_VERSIONS);
    assert!(ask(served.address, &client, "one.test").await.unwrap().ends_with("hello"));
    assert!(ask(served.address, &client, "two.test").await.is_err(), "the certificate is of another name");
}

#[tokio::test]
async fn changed_files_are_taken_without_a_restart_and_open_connections_go_on() {
    let authority = Authority::new();
    authority.issue("now", "one.test");
    let served = serve(&authority.config("now", &["reload-interval=20ms"]), ServeOptions::default());
    let client = authority.client(None, rustls::ALL_VERSIONS);
    let mut open = connect(served.address, &client, "one.test").await.unwrap();
    authority.issue("now", "two.test");
    let taken = async { while ask(served.address, &client, "two.test").await.is_err() {} };
    tokio::time::timeout(PATIENCE, taken).await.expect("the new certificate is shown");
    assert!(ask(served.address, &client, "one.test").await.is_err());
    open.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
}

#[test]
fn half_a_change_is_an_error_that_changes_nothing_and_is_made_up_for() {
    let authority = Authority::new();
    authority.issue("now", "one.test");
    authority.issue("next", "two.test");
    let (_, reloading) = Tls::open(&authority.config("now", &[])).unwrap().unwrap().serve(false);
    let copy = |end: &str| {
        let (from, to) = (authority.path(&format!("next.{end}")), authority.path(&format!("now.{end}")));
        std::fs::copy(from, to).unwrap();
    };
    let (reloading, outcome) = reloading.look();
    assert!(!outcome.unwrap(), "nothing has changed");
    copy("crt");
    let (reloading, outcome) = reloading.look();
    assert!(outcome.unwrap_err().to_string().contains("it is not the key"));
    copy("key");
    let (reloading, outcome) = reloading.look();
    assert!(outcome.unwrap(), "certificate and key go together again");
    assert!(!reloading.look().1.unwrap());
}

#[tokio::test]
async fn with_an_authority_of_clients_only_its_clients_are_served() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for from in [&authority, &stranger] {
        from.issue("one", "one.test");
        from.issue("client", "client.test");
    }
    std::fs::copy(stranger.path("client.crt"), authority.path("stranger.crt")).unwrap();
    std::fs::copy(stranger.path("client.key"), authority.path("stranger.key")).unwrap();
    let ca = format!("client-ca={}", authority.path("ca"));
    let served = serve(&authority.config("one", &[&ca]), ServeOptions::default());
    for (shows, welcome) in [(Some("client"), true), (None, false), (Some("stranger"), false)] {
        let client = authority.client(shows, rustls::ALL_VERSIONS);
        assert_eq!(ask(served.address, &client, "one.test").await.is_ok(), welcome, "{shows:?}");
    }
}

#[tokio::test]
async fn only_the_versions_asked_for_are_spoken() {
    let authority = Authority::new();
    authority.issue("one", "one.test");
    for (setting, spoken) in
        [("min-version=1.3", ProtocolVersion::TLSv1_3), ("max-version=1.2", ProtocolVersion::TLSv1_2)]
    {
        let served = serve(&authority.config("one", &[setting]), ServeOptions::default());
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let client = authority.client(None, &[version]);
            let answered = ask(served.address, &client, "one.test").await.is_ok();
            assert_eq!(answered, version.version == spoken, "{setting}, {:?}", version.version);
        }
    }
}

#[tokio::test]
async fn clients_that_never_end_their_handshake_cost_nobody_else_anything_and_are_let_go() {
    let authority = Authority::new();
    authority.issue("one", "one.test");
    // Time enough for a client that does end its own.
    let options = ServeOptions { idle_check: Duration::from_secs(5), ..ServeOptions::default() };
    let served = serve(&authority.config("one", &[]), options);
    let mut silent = Vec::new();
    for words in [&b""[..], b"\x16\x03\x01", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(words).await.unwrap();
        silent.push(stream);
    }
    let client = authority.client(None, rustls::ALL_VERSIONS);
    assert!(ask(served.address, &client, "one.test").await.unwrap().ends_with("hello"));
    for mut stream in silent {
        let mut said = Vec::new();
        let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await;
        end.expect("closed in time").ok();
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_what_to_do() {
    let authority = Authority::new();
    authority.issue("one", "one.test");
    authority.issue("two", "two.test");
    let file = |setting: &str, name: &str| format!("{setting}={}", authority.path(name));
    let (cert, key, other) = (file("cert", "one.crt"), file("key", "one.key"), file("key", "two.key"));
    let (gone, swapped) = (file("key", "gone"), file("cert", "one.key"));
    for (args, hint) in [
        (&[&cert[..]][..], "--door.tls.cert: it has no effect without --door.tls.enabled"),
        (&["reload-interval=1m"], "--door.tls.reload-interval: it has no effect"),
        (&["enabled", &cert], "give --door.tls.key=FILE"),
        (&["enabled", &key], "give --door.tls.cert=FILE"),
        (&["enabled", &cert, &other], "it is not the key of the certificate in --door.tls.cert="),
        (&["enabled", &cert, &gone], "No such file"),
        (&["enabled", &swapped, &key], "it holds no certificate in PEM"),
        (&["enabled", &cert, &key, "min-version=1.3", "max-version=1.2"], "above --door.tls.max-version"),
        (
            &["enabled", &cert, &key, "max-version=1.2", "cipher-suites=TLS_AES_128_GCM_SHA256"],
            "no client could connect",
        ),
    ] {
        let error = parse(args).unwrap().validate().unwrap_err().to_string();
        assert!(error.contains(hint), "{args:?}: {error}");
    }
    parse(&["enabled", &cert, &key, "cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])
        .unwrap()
        .validate()
        .unwrap();
    parse(&[]).unwrap().validate().unwrap();
}

#[test]
fn what_a_broken_key_holds_is_not_told() {
    let authority = Authority::new();
    authority.issue("one", "one.test");
    std::fs::write(authority.path("broken"), "-----BEGIN SECRET-WORD\nSECRET-LINE\n").unwrap();
    let file = |setting: &str, name: &str| format!("{setting}={}", authority.path(name));
    let (cert, key) = (file("cert", "one.crt"), file("key", "broken"));
    let error = parse(&["enabled", &cert, &key]).unwrap().validate().unwrap_err();
    let told = format!("{error} {error:?}");
    // Neither as text nor as a list of its bytes.
    assert!(
        told.contains("--door.tls.key") && !told.contains("SECRET") && !told.contains("83, 69, 67"),
        "{told}"
    );
}

#[test]
fn values_that_are_none_are_refused_by_the_parser() {
    for (arg, hint) in [
        ("min-version=1.0", "write 1.2 or 1.3"),
        ("max-version=4", "write 1.2 or 1.3"),
        ("cipher-suites=TLS_RSA_WITH_RC4_128_SHA", "there are TLS_AES_256_GCM_SHA384"),
        ("reload-interval=soon", "reload-interval"),
    ] {
        let error = parse(&[arg]).unwrap_err().to_string();
        assert!(error.contains(hint), "{arg}: {error}");
    }
}
