//! The log of a process under test, in a file that lies in no folder: what the process has written can be read at once, for nobody has to
//! carry it over from a pipe first.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;

/// A log that is written and read.
pub(crate) struct LogFile(File);

impl LogFile {
    /// An empty one, which ends with whoever has it open last.
    pub(crate) fn new() -> Result<Self> {
        tempfile::tempfile().map(Self).context("make a file for the log of spoor")
    }

    /// What the process writes to.
    pub(crate) fn writer(&self) -> Result<Stdio> {
        Ok(self.0.try_clone().context("open the log of spoor once more")?.into())
    }

    /// All that was written, without the last line's end.
    pub(crate) fn text(&self) -> Result<String> {
        let length = self.0.metadata().context("measure the log of spoor")?.len();
        let mut bytes = vec![0; usize::try_from(length)?];
        // At its own place: the process writes where this file's position is.
        self.0.read_exact_at(&mut bytes, 0).context("read the log of spoor")?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// Listeners and their addresses, out of the `listens` lines.
    pub(crate) fn addresses(&self) -> Result<BTreeMap<String, String>> {
        let text = self.text()?;
        // Asked for again and again: most lines need not be read as JSON.
        let of_listeners = text.lines().filter(|line| line.contains("\"listener\""));
        let events = of_listeners.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let address = |event: Value| {
            Some((event["listener"].as_str()?.to_owned(), event["address"].as_str()?.to_owned()))
        };
        Ok(events.filter_map(address).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_an_ended_process_wrote_is_there_though_it_was_read_before() {
        let log = LogFile::new().unwrap();
        let say = |what: &str| {
            Command::new("sh")
                .args(["-c", &format!("echo '{what}' >&2")])
                .stderr(log.writer().unwrap())
                .status()
                .unwrap();
        };
        say(r#"{"listener":"admin","address":"127.0.0.1:1"}"#);
        assert_eq!(log.addresses().unwrap()["admin"], "127.0.0.1:1");
        say("no JSON");
        assert_eq!(log.text().unwrap(), "{\"listener\":\"admin\",\"address\":\"127.0.0.1:1\"}\nno JSON");
        assert_eq!(log.addresses().unwrap().len(), 1);
    }
}
