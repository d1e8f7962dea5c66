//! nginx before the collectors and before the query servers, as `deploy/` has them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use spoor_tests::nginx::Nginx;

use crate::names::Names;

/// Where `deploy/` expects the certificate and its key.
const CERTIFICATE: &str = "/etc/spoor/tls/server.crt";
const KEY: &str = "/etc/spoor/tls/server.key";

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Door {
    Collectors,
    Queries,
}

/// Both nginx.
pub(super) struct Doors {
    collectors: Nginx,
    queries: Nginx,
    /// `http://HOST:PORT` for senders without TLS, which the shipped file does not have.
    pub(super) plain: String,
    /// `HOST:PORT` for senders by TLS.
    pub(super) secured: String,
    /// Where clients send Thrift by HTTP and TLS.
    pub(super) thrift: String,
    /// What those trust.
    pub(super) authority: PathBuf,
    /// Where to ask: with the base path.
    pub(super) site: String,
}

impl Doors {
    pub(super) async fn open(names: &Names, ports: &mut Vec<u16>, folder: &Path) -> Result<Self> {
        let mut port = || ports.pop().context("a port is left");
        let (plain, secured, site, grpc) = (port()?, port()?, port()?, port()?);
        let others = [("14250 ssl http2", port()?), ("4318 ssl", port()?), ("14268 ssl", port()?)];
        let (certificate, key) = (folder.join("server.crt"), folder.join("server.key"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        std::fs::write(&certificate, made.cert.pem())?;
        std::fs::write(&key, made.signing_key.serialize_pem())?;

        let mut collectors = names.within("nginx/collector.conf")?;
        let mut listening: Vec<(String, String)> = others
            .iter()
            .map(|(shipped, port)| {
                let rest = shipped.split_once(' ').map_or("", |(_, rest)| rest);
                (format!("listen {shipped};"), format!("listen 127.0.0.1:{port} {rest};"))
            })
            .collect();
        // The generator speaks no TLS.
        let both = format!("listen 127.0.0.1:{secured} ssl http2; listen 127.0.0.1:{plain} http2;");
        listening.push(("listen 4317 ssl http2;".to_owned(), both));
        collectors.extend(listening.iter().map(|(shipped, here)| (shipped.as_str(), here.clone())));
        collectors.push((CERTIFICATE, certificate.display().to_string()));
        collectors.push((KEY, key.display().to_string()));
        let waits = [plain, secured, others[0].1, others[1].1, others[2].1];
        let collectors = Nginx::start("collector.conf", &collectors, &waits).await?;

        let mut queries = names.within("nginx/query.conf")?;
        queries.push(("listen 80;", format!("listen 127.0.0.1:{site};")));
        queries.push(("listen 16685 http2;", format!("listen 127.0.0.1:{grpc} http2;")));
        let queries = Nginx::start("query.conf", &queries, &[site, grpc]).await?;
        Ok(Self {
            collectors,
            queries,
            plain: format!("http://127.0.0.1:{plain}"),
            secured: format!("localhost:{secured}"),
            thrift: format!("https://localhost:{}/api/traces", others[2].1),
            authority: certificate,
            site: format!("http://127.0.0.1:{site}/jaeger"),
        })
    }

    /// Has both take their configuration anew, as after a change of it: new workers come, the old ones end what they have begun.
    pub(super) fn reload(&self) -> Result<()> {
        self.collectors.reload()?;
        self.queries.reload()
    }

    /// One of them, to be killed and started again.
    pub(super) fn nginx(&mut self, door: Door) -> &mut Nginx {
        match door {
            Door::Collectors => &mut self.collectors,
            Door::Queries => &mut self.queries,
        }
    }
}
