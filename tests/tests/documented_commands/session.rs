//! A shell and all that it starts: in namespaces of its own, or told from the rest of the machine by its session. Dropped, all of it is killed.

use std::fs::File;
use std::process::Stdio;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::room::Room;

/// Runs the commands and writes down how they ended; ends when its input does, and with it, in namespaces, whatever is left.
const DRIVER: &str = r#"
set -eu
room=$1
if [ "$2" = alone ]; then
    python3 -c "$3"
    mount --bind "$room/hosts" /etc/hosts
fi
{
    status=0
    (cd "$room/checkout" && exec bash "$room/commands.sh") >"$room/said" 2>&1 </dev/null || status=$?
    echo $status >"$room/status.new"
    mv "$room/status.new" "$room/status"
} &
read -r _ || true
"#;

/// Sets the loopback up (SIOCSIFFLAGS, IFF_UP): `ip` may not be there.
const LOOPBACK: &str = "import fcntl, socket, struct
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack('16sh22x', b'lo', 1))";

/// Networks, mounts and processes of its own; whoever began it takes it along.
const NAMESPACES: [&str; 7] =
    ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Whether the system lets us have namespaces of our own.
pub(super) async fn may_have_namespaces() -> bool {
    if std::env::var_os("SPOOR_NO_NAMESPACES").is_some_and(|value| value == "1") {
        return false;
    }
    let mut probe = Command::new(NAMESPACES[0]);
    probe.args(&NAMESPACES[1..]).args([
        "sh",
        "-c",
        "python3 -c \"$1\" && mount --bind /etc/hosts /etc/hosts",
    ]);
    let output = probe.args(["probe", LOOPBACK]).stdin(Stdio::null()).output().await;
    output.is_ok_and(|output| output.status.success())
}

/// The running shell.
pub(super) struct Session {
    shell: Child,
    id: u32,
}

impl Session {
    pub(super) fn begin(room: &Room) -> Result<Self> {
        let namespaces: &[&str] = if room.is_alone() { &NAMESPACES } else { &[] };
        // As it leads no group yet, it becomes the new session's leader itself, and its id the session's.
        let mut command = Command::new("setsid");
        command.args(namespaces).args(["bash", "-c", DRIVER, "driver"]).arg(room.path(""));
        command.args([if room.is_alone() { "alone" } else { "among others" }, LOOPBACK]);
        let log = File::create(room.path("driver.log"))?;
        let shell = command
            .envs(room.environment()?)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        let id = shell.id().context("it has just been started")?;
        Ok(Self { shell, id })
    }

    /// The command lines of all that runs beside the shell itself.
    pub(super) fn processes(&self) -> Result<Vec<String>> {
        let all = of_session(self.id)?;
        Ok(all.into_iter().map(|(_, line)| line).filter(|line| !line.contains(DRIVER)).collect())
    }

    /// Lets the shell end.
    pub(super) async fn end(mut self) -> Result<()> {
        drop(self.shell.stdin.take());
        self.shell.wait().await.context("the shell ends")?;
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for (process, _) in of_session(self.id).unwrap_or_default() {
            if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
                // It may have ended by itself.
                _ = kill_process(process, Signal::KILL);
            }
        }
    }
}

/// Processes of a session, and their command lines. Those that are only waited for are left out.
fn of_session(session: u32) -> Result<Vec<(u32, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").context("list processes")? {
        let entry = entry?;
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // Behind the name, which may have anything in it: state, parent, group, session.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let is_of_it = fields.get(3).and_then(|field| field.parse().ok()) == Some(session);
        if is_of_it && fields.first() != Some(&"Z") {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push((process, String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    Ok(found)
}
