//! `spoor agent`: beside the applications, in front of the collectors.

use anyhow::{Result, ensure};

use crate::host::{Host, HostConfig};
use crate::role;

/// Settings of the agent.
#[derive(Debug, clap::Args)]
#[command(mut_arg("admin.http.host-port", |arg| arg.default_value(":14271")))]
pub(crate) struct AgentArgs {
    #[command(flatten)]
    pub(crate) host: HostConfig,

    #[command(flatten)]
    agent: spoor_agent::Config,
}

impl AgentArgs {
    /// Checks what no single flag can tell.
    pub(super) fn validate(&self) -> Result<()> {
        self.host.validate()?;
        self.agent.validate()?;
        check_drain(&self.agent, &self.host)
    }
}

/// What is cut off within its drain tells nobody what it had to leave.
pub(super) fn check_drain(agent: &spoor_agent::Config, host: &HostConfig) -> Result<()> {
    let (drain, longest) = (agent.buffer.drain_timeout, host.shutdown_timeout);
    ensure!(
        drain < longest,
        "--agent.drain-timeout={drain:?} must be less than --shutdown-timeout={longest:?}, which ends everything; lower the one or raise the other"
    );
    Ok(())
}

/// Sockets first, then the role.
pub(crate) async fn run(args: &AgentArgs) -> Result<()> {
    let mut host = Host::prepare(&args.host)?;
    let sockets = spoor_agent::Sockets::bind(&args.agent.ports)?;
    let agent = role::agent(&args.agent, sockets, None, &mut host)?;
    host.serve(vec![agent]).await
}
