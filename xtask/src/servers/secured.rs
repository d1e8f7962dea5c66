//! An Elasticsearch that wants to know who asks: TLS, users, API keys, tokens, and clients' certificates.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::distribution;
use super::recipe::{Launching, Place, Recipe};
use super::server::Server;

/// Compiled by the JDK; what the distribution for integration tests lacks to keep API keys and users.
const PLUGIN: &str = include_str!("SecurityParts.java");
const PLUGIN_CLASS: &str = "SecurityParts";
/// Files that are there before the server is, in its folder.
const AUTHORITY: &str = "ca.crt";
const CERTIFICATE: &str = "node.crt";
const KEY: &str = "node.key";
/// [`SecuredElasticsearch::PASSWORD`] as the server keeps passwords (bcrypt), so that none of its tools has to run.
const PASSWORD_HASH: &str = "$2a$10$KokAm/Q510.oVRm63dxZvu4Qr.nTKLbwfD7Wf/qxHExHKYzZ1OyLm";

/// Useful with certificates only, so `cargo xtask servers` does not know it.
const SECURED: Recipe = Recipe { command, is_ready, ..distribution::ELASTICSEARCH_9 };

/// What the server shows and whom it believes, in PEM.
pub struct Certificates<'a> {
    /// The authority that signed the server's certificate, and clients' certificates.
    pub authority: &'a str,
    /// The server's certificate, for 127.0.0.1.
    pub certificate: &'a str,
    /// Its key, in PKCS#8.
    pub key: &'a str,
}

/// An Elasticsearch of one node with security switched on, with its own data, on a free port of 127.0.0.1.
///
/// It ends, and its folder goes, when the value is dropped or this process is gone, whatever ended it.
pub struct SecuredElasticsearch {
    server: Server,
    url: String,
}

impl SecuredElasticsearch {
    /// The user who may do everything.
    pub const USER: &str = "spoor";
    /// Its password.
    pub const PASSWORD: &str = "spoor-secret";

    /// Starts one and waits until it takes connections: about 30 s, the first time on a machine also the download (100 MB).
    /// Its health is the caller's to ask for, over TLS.
    ///
    /// # Errors
    /// No JDK of 21 or newer, no Maven, no release that resolves, a plugin that does not compile, or a server that does not get
    /// ready (with its log's end).
    pub fn start(certificates: &Certificates<'_>) -> Result<Self> {
        let mut server = Server::prepare(&SECURED)?;
        let files = [
            (AUTHORITY, certificates.authority),
            (CERTIFICATE, certificates.certificate),
            (KEY, certificates.key),
        ];
        for (name, text) in files {
            fs::write(server.place().folder.join(name), text).with_context(|| format!("write {name}"))?;
        }
        server.start_again()?;
        let url = format!("https://127.0.0.1:{}", server.place().port);
        Ok(Self { server, url })
    }

    /// `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What to set as `--es.version`: the server does not tell it.
    #[must_use]
    pub fn version(&self) -> u32 {
        SECURED.untold_version
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When the system refuses to signal it.
    pub fn stop(&mut self) -> Result<()> {
        self.server.stop()
    }
}

fn command(launching: &Launching<'_>) -> Result<Command> {
    let home = distribution::home(&launching.place.folder);
    if !home.exists() {
        distribution::install(launching, "512m")?;
        secure(launching.place, &home.join("config"))?;
        add_plugin(launching, &home)?;
    }
    let mut command = distribution::run(launching)?;
    command.args(["-E", "xpack.security.enabled=true"]);
    Ok(command)
}

/// Certificates, and the user who may do everything.
fn secure(place: &Place, config: &Path) -> Result<()> {
    for name in [AUTHORITY, CERTIFICATE, KEY] {
        fs::copy(place.folder.join(name), config.join(name)).with_context(|| format!("copy {name}"))?;
    }
    let settings = format!(
        "xpack.security.enrollment.enabled: false\n\
         xpack.security.http.ssl: {{enabled: true, certificate: {CERTIFICATE}, key: {KEY}, certificate_authorities: [{AUTHORITY}], client_authentication: optional}}\n\
         xpack.security.authc.realms.pki.pki1: {{order: 5, certificate_authorities: [{AUTHORITY}]}}\n"
    );
    let user = SecuredElasticsearch::USER;
    let files = [
        ("elasticsearch.yml", settings),
        ("users", format!("{user}:{PASSWORD_HASH}\n")),
        ("users_roles", format!("superuser:{user}\n")),
    ];
    for (name, text) in files {
        fs::write(config.join(name), text).with_context(|| format!("write {name}"))?;
    }
    Ok(())
}

fn add_plugin(launching: &Launching<'_>, home: &Path) -> Result<()> {
    let plugin = home.join("plugins/spoor-test");
    fs::create_dir_all(&plugin).with_context(|| format!("create {}", plugin.display()))?;
    let (source, classes) = (launching.place.folder.join("SecurityParts.java"), plugin.join("classes"));
    fs::write(&source, PLUGIN).with_context(|| format!("write {}", source.display()))?;
    let tool = |name: &str| Command::new(launching.java.with_file_name(name));
    let mut compiler = tool("javac");
    compiler.arg("-cp").arg(home.join("lib/*")).arg("-d").arg(&classes).arg(&source);
    run("compile the plugin", compiler)?;
    let mut archiver = tool("jar");
    archiver.arg("cf").arg(plugin.join("spoor-test.jar")).arg("-C").arg(&classes).arg(".");
    run("pack the plugin", archiver)?;
    fs::remove_dir_all(&classes).with_context(|| format!("remove {}", classes.display()))?;
    let (version, java) = (launching.release.version, launching.release.jdk.start());
    let descriptor = format!(
        "name=spoor-test\ndescription=What API keys need\nversion=1\nelasticsearch.version={version}\njava.version={java}\n\
         classname={PLUGIN_CLASS}\n"
    );
    fs::write(plugin.join("plugin-descriptor.properties"), descriptor).context("describe the plugin")
}

fn run(attempted: &str, mut command: Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| attempted.to_owned())?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{attempted}: {}: {complaint}", output.status);
    Ok(())
}

/// It listens. That it is ours its certificate tells.
fn is_ready(place: &Place) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, place.port)).is_ok()
}
