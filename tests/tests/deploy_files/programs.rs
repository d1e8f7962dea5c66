//! Files that are read by the very program they are for.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::{deploy, files, name, succeeds};

/// Replaces `server HOST:` of upstreams by this machine (nginx resolves names when it reads them), ports it listens on by free ones,
/// and the certificate by one that is there.
fn on_this_machine(fragment: &str, folder: &Path) -> Result<String> {
    let mut lines = Vec::new();
    for line in fragment.lines() {
        let (indent, code) = line.split_at(line.len() - line.trim_start().len());
        let mut words = code.split(' ');
        lines.push(match (words.next(), words.next()) {
            (Some("server"), Some(address)) if address.contains(':') => {
                let port = address.rsplit(':').next().context("an address has a port")?;
                format!("{indent}{}", code.replace(address, &format!("127.0.0.1:{port}")))
            }
            (Some("listen"), Some(port)) => {
                let number = port.trim_end_matches(';');
                let free = format!("127.0.0.1:{}", xtask::servers::free_port()?);
                format!("{indent}{}", code.replacen(number, &free, 1))
            }
            _ => line.replace("/etc/spoor/tls", &folder.display().to_string()),
        });
    }
    Ok(lines.join("\n"))
}

#[tokio::test]
async fn nginx_takes_every_fragment() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let place = folder.path();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    std::fs::write(place.join("server.crt"), certified.cert.pem())?;
    std::fs::write(place.join("server.key"), certified.signing_key.serialize_pem())?;
    for file in files("nginx", "conf")? {
        let fragment = on_this_machine(&std::fs::read_to_string(&file)?, place)?;
        let config = place.join("nginx.conf");
        std::fs::write(
            &config,
            format!(
                "pid {0}/pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path {0}/body;\n\
                 proxy_temp_path {0}/proxy;\nfastcgi_temp_path {0}/fastcgi;\nuwsgi_temp_path {0}/uwsgi;\nscgi_temp_path {0}/scgi;\n{fragment}\n}}\n",
                place.display()
            ),
        )?;
        let said = succeeds(
            Command::new("nginx")
                .arg("-t")
                .arg("-p")
                .arg(place)
                .arg("-c")
                .arg(&config)
                .args(["-e", "stderr"]),
        )
        .await?;
        ensure!(!said.contains("[warn]"), "nginx warns of {}: {said}", name(&file));
    }
    Ok(())
}

#[tokio::test]
async fn prometheus_takes_its_files_and_the_rules_pass_their_tests() -> Result<()> {
    let folder = deploy().join("prometheus");
    for file in files("prometheus", "yml")? {
        succeeds(
            Command::new("promtool")
                .current_dir(&folder)
                .args(["check", "config", "--lint=all"])
                .arg(name(&file)),
        )
        .await?;
    }
    let tests = files("prometheus/tests", "yml")?;
    succeeds(Command::new("promtool").args(["test", "rules"]).args(&tests)).await?;
    let mut cases = String::new();
    for file in tests {
        cases += &std::fs::read_to_string(file)?;
    }
    let rules =
        files("prometheus/rules", "yml")?.into_iter().chain(files("prometheus/rules-federation", "yml")?);
    for file in rules {
        let text = std::fs::read_to_string(file)?;
        for alert in text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
            let both = [format!("name: {alert} fires\n"), format!("name: {alert} is silent in calm\n")];
            ensure!(
                both.iter().all(|case| cases.contains(case)),
                "{alert} lacks a case that fires, or one that does not"
            );
        }
    }
    Ok(())
}

#[test]
fn the_replicas_of_prometheus_differ_in_their_label_alone() -> Result<()> {
    let read =
        |replica: &str| std::fs::read_to_string(deploy().join(format!("prometheus/replica-{replica}.yml")));
    let (first, second) = (read("a")?, read("b")?);
    let differ: Vec<_> = first.lines().zip(second.lines()).filter(|(a, b)| a != b).collect();
    ensure!(
        differ.iter().all(|(a, _)| a.contains("replica: a") || a.contains("replica-a.yml"))
            && !differ.is_empty(),
        "{differ:?}"
    );
    Ok(())
}

#[tokio::test]
async fn alertmanager_takes_its_file() -> Result<()> {
    succeeds(Command::new("amtool").arg("check-config").arg(deploy().join("alertmanager/alertmanager.yml")))
        .await?;
    Ok(())
}

#[tokio::test]
async fn systemd_takes_the_units_without_a_word_and_finds_them_hardened() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut units = Vec::new();
    for file in files("systemd", "service")?.into_iter().chain(files("systemd", "timer")?) {
        // The program need not be installed here.
        let text = std::fs::read_to_string(&file)?
            .replace("/usr/bin/spoor", "/bin/true")
            .replace("/usr/bin/jaeger-es-index-cleaner", "/bin/true");
        std::fs::write(folder.path().join(name(&file)), text)?;
        units.push(folder.path().join(name(&file).replace("@.", "@one.")));
    }
    for unit in units {
        // An unknown key is a warning only, and ends with 0.
        let said = succeeds(Command::new("systemd-analyze").arg("verify").arg(&unit)).await?;
        let own: Vec<_> = said.lines().filter(|line| line.contains("spoor")).collect();
        ensure!(own.is_empty(), "{}: {own:?}", unit.display());
        if unit.extension().is_some_and(|extension| extension == "service") {
            succeeds(
                Command::new("systemd-analyze")
                    .args(["security", "--offline=true", "--threshold=20"])
                    .arg(&unit),
            )
            .await?;
        }
    }
    let timer = std::fs::read_to_string(deploy().join("systemd/spoor-retention.timer"))?;
    let when =
        timer.lines().find_map(|line| line.strip_prefix("OnCalendar=")).context("the timer says when")?;
    succeeds(Command::new("systemd-analyze").args(["calendar", when])).await?;
    Ok(())
}

#[tokio::test]
async fn logrotate_takes_its_file_and_cron_its_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut logrotate = Command::new("logrotate");
    logrotate.arg("-d").arg("-s").arg(folder.path().join("state")).arg(deploy().join("logrotate/spoor"));
    let said = succeeds(&mut logrotate).await?;
    ensure!(!said.contains("error:"), "{said}");

    // Debian's cron says nothing of a line that it cannot read: it passes the file over.
    let text = std::fs::read_to_string(deploy().join("cron/spoor-retention"))?;
    ensure!(text.ends_with('\n'), "cron reads no line without an end");
    let jobs: Vec<_> =
        text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit())).collect();
    ensure!(jobs.len() == 1, "{jobs:?}");
    let fields: Vec<_> = jobs[0].split(' ').collect();
    ensure!(
        fields[..5] == ["20", "0", "*", "*", "*"] && fields[5] == "nobody",
        "when, and as whom: {fields:?}"
    );
    ensure!(!jobs[0].contains('%'), "cron takes a percent sign for the end of the line");
    Ok(())
}

#[tokio::test]
async fn etcd_knows_the_variables_for_lokis_ring() -> Result<()> {
    let help = succeeds(Command::new("etcd").arg("--help")).await?;
    let text = std::fs::read_to_string(deploy().join("loki/etcd.env"))?;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (variable, _) = line.split_once('=').with_context(|| format!("`{line}` is no variable"))?;
        let flag = variable
            .strip_prefix("ETCD_")
            .context("etcd's variables begin so")?
            .to_lowercase()
            .replace('_', "-");
        ensure!(help.contains(&format!("--{flag} ")), "etcd has no --{flag}");
    }
    Ok(())
}
