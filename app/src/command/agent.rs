//! `spoor agent`: beside the applications, in front of the collectors.

use anyhow::Result;

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
        self.host.outlasts("--agent.drain-timeout", self.agent.buffer.drain_timeout)
    }
}

/// Sockets first, then the role.
pub(crate) async fn run(args: &AgentArgs) -> Result<()> {
    let mut host = Host::prepare(&args.host, Some("jaeger_agent"))?;
    let sockets = spoor_agent::Sockets::bind(&args.agent.ports)?;
    let agent = role::agent(&args.agent, sockets, None, &mut host)?;
    host.serve(vec![agent]).await
}
