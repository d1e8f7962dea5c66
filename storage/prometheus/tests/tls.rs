//! Claims about TLS to Prometheus: who is believed, and what settings are refused.
#![expect(clippy::unwrap_used, reason = "what the tests stand on must be there")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use spoor_model::{SpanMetricsQuery, TimeRange, UnixNanos};
use spoor_storage::{MetricsReader, ReadError, RequestContext};
use spoor_storage_prometheus::{Config, PrometheusMetrics};

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    config: Config,
}

fn open(args: &[String]) -> Result<PrometheusMetrics, String> {
    let args = std::iter::once("spoor").chain(args.iter().map(String::as_str));
    PrometheusMetrics::open(&Program::parse_from(args).config).map_err(|error| error.to_string())
}

/// An authority with a certificate for `prom.example` and a client's, as files.
struct Authority {
    folder: tempfile::TempDir,
    server: Arc<ServerConfig>,
}

impl Authority {
    fn new() -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(params, ca_key);
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let ((server, server_key), (client, client_key)) = (signed("prom.example"), signed("client.example"));
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("ca", ca.pem()), ("cert", client.pem()), ("key", client_key.serialize_pem())] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let key = PrivateKeyDer::try_from(server_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(vec![server.der().clone()], key)
            .unwrap();
        Self { folder, server: Arc::new(server) }
    }

    fn file(&self, setting: &str) -> String {
        format!("--prometheus.tls.{setting}={}", self.folder.path().join(setting).display())
    }

    /// Answers each connection's request with an empty matrix; the address. Ends with the test.
    fn serve(&self) -> String {
        let (listener, config) = (TcpListener::bind("127.0.0.1:0").unwrap(), self.server.clone());
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                let Ok(tcp) = tcp else { return };
                let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), tcp);
                let mut request = Vec::new();
                let mut some = [0; 4096];
                while !request.windows(8).any(|window| window == b"timeout=") {
                    match tls.read(&mut some) {
                        Ok(read) if read > 0 => request.extend_from_slice(&some[..read]),
                        _ => break,
                    }
                }
                let body = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                // A client that does not believe us is gone by now.
                let _ = tls.write_all(format!("{head}{body}").as_bytes());
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        });
        format!("--prometheus.server-url=https://{address}")
    }
}

async fn ask(args: &[String]) -> Result<(), ReadError> {
    let query = SpanMetricsQuery {
        services: vec!["a".to_owned()],
        kinds: Vec::new(),
        by_operation: false,
        range: TimeRange { start: UnixNanos::from_millis(1_000), end: UnixNanos::from_millis(2_000) },
        step: Duration::from_secs(1),
        rate_per: Duration::from_secs(1),
    };
    let context = RequestContext::with_timeout(Duration::from_secs(20));
    open(args).unwrap().call_rates(&context, &query).await.map(drop)
}

#[tokio::test]
async fn who_has_the_right_certificate_is_believed_and_believes_us() {
    let authority = Authority::new();
    let args = [
        authority.serve(),
        "--prometheus.tls.enabled".to_owned(),
        "--prometheus.tls.server-name=prom.example".to_owned(),
        authority.file("ca"),
        authority.file("cert"),
        authority.file("key"),
    ];
    ask(&args).await.unwrap();
    let other_name = args.clone().map(|arg| arg.replace("=prom.example", "=other.example"));
    assert!(ask(&other_name).await.unwrap_err().to_string().contains("certificate"));
    let nobody = [args[0].clone(), args[1].clone(), args[2].clone(), args[3].clone()];
    ask(&nobody).await.expect_err("a server that asks for a certificate gets one or nothing");
    let other = Authority::new();
    let other_authority = [&args[..3], &[other.file("ca")], &args[4..]].concat();
    assert!(ask(&other_authority).await.unwrap_err().to_string().contains("certificate"));
    let blind = [&args[..2], &["--prometheus.tls.skip-host-verify".to_owned()], &args[4..]].concat();
    ask(&blind).await.unwrap();
}

#[test]
fn settings_that_cannot_work_are_named() {
    let authority = Authority::new();
    let https = "--prometheus.server-url=https://x".to_owned();
    let enabled = "--prometheus.tls.enabled".to_owned();
    std::fs::write(authority.folder.path().join("empty"), "").unwrap();
    let empty = |setting: &str| {
        format!("--prometheus.tls.{setting}={}", authority.folder.path().join("empty").display())
    };
    for (args, part) in [
        (vec![https.clone(), authority.file("ca")], "--prometheus.tls.ca: it has no effect"),
        (vec![enabled.clone()], "does not begin with https://"),
        (vec![https.clone(), enabled.clone(), authority.file("cert")], "go together"),
        (vec![https.clone(), enabled.clone(), authority.file("key")], "go together"),
        (vec![https.clone(), enabled.clone(), empty("ca")], "no certificate in PEM"),
        (vec![https.clone(), enabled.clone(), authority.file("cert"), empty("key")], "no private key"),
        (vec![https.clone(), enabled.clone(), "--prometheus.tls.ca=/no/such".to_owned()], "/no/such"),
        (vec![https, enabled, "--prometheus.tls.server-name=a b".to_owned()], "neither a host name"),
    ] {
        let error = open(&args).unwrap_err();
        assert!(error.contains(part), "{args:?}: {error}");
    }
}
