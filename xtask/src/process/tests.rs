//! Claims about stopping processes, on small shells.

use std::process::Stdio;

use super::*;

/// A shell that prints a line when its traps are set, so that no test races with its start.
fn shell(script: &str, marker: &str) -> Child {
    let mut child = Command::new("sh")
        .args(["-c", &format!("{script}\necho ready; while :; do sleep 0.05; done"), marker])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    assert_eq!(line, "ready\n");
    child
}

#[test]
fn stops_by_sigterm_and_gives_the_status() {
    let mut child = shell("trap 'exit 7' TERM", "marker-polite");
    assert!(is_running(child.id(), "marker-polite"));
    assert!(!is_running(child.id(), "marker-other"));
    assert_eq!(stop(&mut child, Duration::from_secs(60)).unwrap().code(), Some(7));
    assert!(!is_running(child.id(), "marker-polite"));
}

#[test]
fn kills_what_ignores_sigterm() {
    let mut child = shell("trap '' TERM", "marker-stubborn");
    let status = stop(&mut child, Duration::from_millis(200)).unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
}

#[test]
fn a_foreign_process_is_stopped_only_by_its_marker() {
    let mut child = shell("", "marker-foreign");
    stop_foreign(child.id(), "marker-of-someone-else", Duration::from_secs(1)).unwrap();
    assert!(child.try_wait().unwrap().is_none());
    // Not waited for yet, so it stays as a zombie: that counts as gone.
    stop_foreign(child.id(), "marker-foreign", Duration::from_secs(60)).unwrap();
    assert!(!child.wait().unwrap().success());
}
