//! What every role needs around it: settings, log, admin port, signals, drain.
//! Order of the end: not ready → (delay) → roles stop intake and finish → admin port closes. A deadline ends it all the same.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::future::BoxFuture;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use spoor_net::tls::{LoadedCertificates, TlsArgs, TlsPort};
use spoor_net::{ListenAddress, Listener, ServeOptions};
use spoor_tracer::Exporter;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::{self, Admin};
use crate::health::Health;
use crate::notify;
use crate::process_metrics::ProcessMetrics;
use crate::telemetry::LogConfig;
use crate::version;

/// How long own traces may take to be sent when all else has ended.
const LAST_OWN_TRACES: Duration = Duration::from_secs(3);

/// Settings that every role has.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct HostConfig {
    /// A file with settings: YAML, JSON or TOML, the flags' names dotted or nested. Flags and environment win over it.
    #[arg(id = "config-file", long = "config-file", value_name = "PATH")]
    pub(crate) config_file: Option<PathBuf>,

    /// Read and check all settings, say so, and end without running.
    #[arg(id = "check-config", long = "check-config")]
    pub(crate) check_config: bool,

    /// Print every setting as it takes effect, with its origin, and end without running. Secrets are masked.
    #[arg(id = "print-config", long = "print-config")]
    pub(crate) print_config: bool,

    #[command(flatten)]
    pub(crate) log: LogConfig,

    /// Address of the admin port: `/` health, `/live`, `/metrics`, `/version`.
    #[arg(
        id = "admin.http.host-port",
        long = "admin.http.host-port",
        default_value = ":14269",
        value_name = "HOST:PORT"
    )]
    pub(crate) admin: ListenAddress,

    #[command(flatten)]
    pub(crate) admin_tls: TlsArgs<AdminPort>,

    /// After a stop signal, go on serving for so long while saying "not ready", so that load balancers look elsewhere first.
    #[arg(id = "shutdown-delay", long = "shutdown-delay", default_value = "0s", value_name = "DURATION", value_parser = spoor_model::parse_go_duration)]
    pub(crate) shutdown_delay: Duration,

    /// How long work in flight may take to finish after a stop signal before the process ends with status 1.
    #[arg(id = "shutdown-timeout", long = "shutdown-timeout", default_value = "25s", value_name = "DURATION", value_parser = spoor_model::parse_go_duration)]
    pub(crate) shutdown_timeout: Duration,
}

/// The admin port, where its TLS is set.
pub(crate) enum AdminPort {}

impl TlsPort for AdminPort {
    const PREFIX: &'static str = "admin.http";
    const NAME: &'static str = "the admin port";
}

impl HostConfig {
    /// Checks what no single flag can tell.
    pub(crate) fn validate(&self) -> Result<()> {
        Ok(self.admin_tls.validate()?)
    }

    /// Checks that a role's own time to finish, by this flag, is over before all ends: what is cut off within it tells nobody what it
    /// had to leave.
    pub(crate) fn outlasts(&self, flag: &str, drain: Duration) -> Result<()> {
        let longest = self.shutdown_timeout;
        ensure!(
            drain < longest,
            "{flag}={drain:?} must be less than --shutdown-timeout={longest:?}, which ends everything; lower the one or raise the other"
        );
        Ok(())
    }
}

/// A role that is built and waits to run.
pub(crate) struct Role {
    pub(crate) name: &'static str,
    pub(crate) run: BoxFuture<'static, Result<()>>,
}

/// The process around the roles.
pub(crate) struct Host {
    config: HostConfig,
    admin: Listener,
    signals: Signals,
    /// Roles register their metrics here.
    pub(crate) registry: Registry,
    /// Where it is told when the certificates of ports and stores end.
    pub(crate) certificates: LoadedCertificates,
    /// What sends own traces, if there are any; it ends last.
    pub(crate) own_traces: Option<Exporter>,
    /// Roles and stores report here.
    pub(crate) health: Health,
    /// Cancelled when the roles are to stop.
    pub(crate) shutdown: CancellationToken,
}

impl Host {
    /// Binds the admin port and takes over the stop signals, before any work. `jaegers` begins the names of the metrics of Jaeger's program
    /// for the same role, which tells what it was built from, too.
    pub(crate) fn prepare(config: &HostConfig, jaegers: Option<&'static str>) -> Result<Self> {
        let signals = Signals::take().context("take over the stop signals")?;
        let mut admin = Listener::bind("admin.http.host-port", &config.admin)?.with_tls(&config.admin_tls)?;
        let mut registry = Registry::default();
        let certificates = LoadedCertificates::register(&mut registry);
        admin.report_certificates(&certificates);
        registry.register_collector(Box::new(ProcessMetrics::new()));
        let build = Info::new([("version", version::VERSION), ("commit", version::COMMIT)]);
        registry.register("spoor_build", "What this program was built from", build);
        if let Some(prefix) = jaegers {
            let help = "What this program, which stands in for Jaeger's, was built from";
            registry.register(format!("{prefix}_build"), help, Info::new(version::as_labels()));
        }
        Ok(Self {
            config: config.clone(),
            admin,
            signals,
            registry,
            certificates,
            own_traces: None,
            health: Health::waiting_for("start", "the roles are being started"),
            shutdown: CancellationToken::new(),
        })
    }

    /// Runs the roles until a stop signal or until one of them fails, then drains.
    pub(crate) async fn serve(mut self, roles: Vec<Role>) -> Result<()> {
        info!(listener = "admin", address = %self.admin.local_addr(), tls = self.admin.speaks_tls(), "listens");
        let admin_stop = CancellationToken::new();
        let router = admin::router(Admin { health: self.health.clone(), registry: self.registry });
        let admin_task =
            tokio::spawn(spoor_net::serve(self.admin, router, ServeOptions::default(), admin_stop.clone()));
        let mut running = JoinSet::new();
        for role in roles {
            running.spawn(async move { (role.name, role.run.await) });
        }
        self.health.report("start", None);
        let notifier = tokio::spawn(notify::started());
        let failed = tokio::select! {
            name = self.signals.next() => {
                info!(signal = name, "stopping");
                None
            }
            Some(ended) = running.join_next() => Some(early_end(ended)),
        };
        self.health.report("drain", Some("the process is stopping".to_owned()));
        notify::stopping();
        let drained = if failed.is_none() {
            drain(&self.config, &self.shutdown, &mut running, &mut self.signals).await
        } else {
            self.shutdown.cancel();
            finish(self.config.shutdown_timeout, &mut running, &mut self.signals).await
        };
        if let Some(own_traces) = self.own_traces {
            own_traces.finish(LAST_OWN_TRACES).await;
        }
        notifier.abort();
        admin_stop.cancel();
        admin_task.abort();
        match failed {
            Some(error) => Err(error),
            None => drained,
        }
    }
}

/// A role never ends by itself; if one does, this says why the process stops.
fn early_end(ended: Result<(&'static str, Result<()>), tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok((name, Err(error))) => error.context(format!("run the {name}")),
        Ok((name, Ok(()))) => anyhow::anyhow!("the {name} ended although nobody asked it to"),
        Err(error) => anyhow::Error::new(error).context("run a role"),
    }
}

async fn drain(
    config: &HostConfig,
    shutdown: &CancellationToken,
    running: &mut JoinSet<(&'static str, Result<()>)>,
    signals: &mut Signals,
) -> Result<()> {
    if !config.shutdown_delay.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(config.shutdown_delay) => {}
            _ = signals.next() => warn!("second stop signal: not waiting for load balancers"),
        }
    }
    shutdown.cancel();
    finish(config.shutdown_timeout, running, signals).await
}

async fn finish(
    timeout: Duration,
    running: &mut JoinSet<(&'static str, Result<()>)>,
    signals: &mut Signals,
) -> Result<()> {
    let all = async {
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok((name, Ok(()))) => info!(role = name, "stopped"),
                Ok((name, Err(error))) => error!(role = name, "stopped with an error: {error:#}"),
                Err(error) => error!("a role broke while stopping: {error}"),
            }
        }
    };
    tokio::select! {
        () = all => Ok(()),
        () = tokio::time::sleep(timeout) => {
            bail!("work in flight did not finish within --shutdown-timeout={timeout:?}; its senders got no answer and will send again")
        }
        _ = signals.next() => bail!("second stop signal: ended without finishing the work in flight; its senders got no answer"),
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn take() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
