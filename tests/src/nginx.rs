//! A real nginx with a configuration that is shipped, on free ports of 127.0.0.1. Dropped, it is stopped.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::eventually;

const CONFIG: &str = "nginx.conf";

/// An nginx, running or killed.
pub struct Nginx {
    child: Child,
    folder: TempDir,
    ports: Vec<u16>,
}

impl Nginx {
    /// Starts it with the fragment `deploy/nginx/NAME`, in which every text of `names` is replaced by another: server names and
    /// ports by what the story runs. `ports` are those it listens on then.
    ///
    /// # Errors
    /// When a name is not in the file, or nginx does not take the configuration.
    pub async fn start(name: &str, names: &[(&str, String)], ports: &[u16]) -> Result<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/nginx").join(name);
        let mut fragment =
            std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        for (from, to) in names {
            ensure!(fragment.contains(from), "{} does not name {from}", file.display());
            fragment = fragment.replace(from, to);
        }
        let folder = tempfile::tempdir()?;
        let place = folder.path();
        // As root, its workers would be somebody else, who cannot enter the folder.
        let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {}/{kind};\n", place.display()))
            .concat();
        let whole = format!(
            "daemon off;\nworker_processes 2;\n{user}pid {0}/pid;\nerror_log stderr warn;\nevents {{ worker_connections 512; }}\n\
             http {{\naccess_log off;\n{temporary}{fragment}\n}}\n",
            place.display()
        );
        std::fs::write(place.join(CONFIG), whole)?;
        let nginx = Self { child: spawn(place)?, folder, ports: ports.to_vec() };
        nginx.listens().await?;
        Ok(nginx)
    }

    async fn listens(&self) -> Result<()> {
        for port in &self.ports {
            eventually("nginx listens", Duration::from_secs(30), || async {
                Ok(TcpStream::connect(("127.0.0.1", *port)).await.map(drop)?)
            })
            .await?;
        }
        Ok(())
    }

    /// `kill -9` of the master and, as its service manager does then, of its workers, which would go on without it and hold the ports.
    ///
    /// # Errors
    /// When it is gone already.
    pub async fn kill(&mut self) -> Result<()> {
        kill_process_group(self.pid()?, Signal::KILL)?;
        self.child.wait().await?;
        Ok(())
    }

    /// After [`kill`](Self::kill): starts it again on the same ports, and waits until it listens.
    ///
    /// # Errors
    /// When it still runs, or does not listen in time.
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.pid().is_err(), "nginx still runs");
        self.child = spawn(self.folder.path())?;
        self.listens().await
    }

    /// Has it take its configuration anew: new workers come, the old ones end what they have begun.
    ///
    /// # Errors
    /// When it is gone.
    pub fn reload(&self) -> Result<()> {
        Ok(kill_process(self.pid()?, Signal::HUP)?)
    }

    /// Stops it and waits for its end.
    ///
    /// # Errors
    /// When it is gone already.
    pub async fn stop(mut self) -> Result<()> {
        kill_process(self.pid()?, Signal::TERM)?;
        self.child.wait().await?;
        Ok(())
    }

    fn pid(&self) -> Result<Pid> {
        self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).context("nginx runs")
    }
}

fn spawn(place: &Path) -> Result<Child> {
    Command::new("nginx")
        .arg("-p")
        .arg(place)
        .arg("-c")
        .arg(place.join(CONFIG))
        .args(["-e", "stderr"])
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .context("start nginx (Debian: apt-get install nginx-light)")
}

impl Drop for Nginx {
    /// The workers go with their master, which could not tell them any more.
    fn drop(&mut self) {
        if let Ok(pid) = self.pid() {
            _ = kill_process_group(pid, Signal::KILL);
        }
    }
}
