//! `--print-config`: every setting as it takes effect, with where it comes from; secrets masked.

use std::io::Write;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::{FileSettings, environment_name, is_secret};

/// Writes one YAML line a setting, so that the output can be used as a configuration file again (secrets excepted).
pub(crate) fn print_effective(
    out: &mut impl Write,
    command: &Command,
    matches: &ArgMatches,
    file: &FileSettings,
) -> std::io::Result<()> {
    for arg in command.get_arguments() {
        let Some(name) = arg.get_long() else { continue };
        if matches!(name, "help" | "version" | "print-config" | "check-config" | "config-file") {
            continue;
        }
        let id = arg.get_id().as_str();
        let values: Vec<String> = matches
            .get_raw(id)
            .into_iter()
            .flatten()
            .map(|value| value.to_string_lossy().into_owned())
            .collect();
        let origin = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "flag".to_owned(),
            Some(ValueSource::EnvVariable) => format!("environment {}", environment_name(name)),
            _ if file.get(name).is_some() => "file".to_owned(),
            Some(_) => "default".to_owned(),
            None => "not set".to_owned(),
        };
        if values.is_empty() {
            writeln!(out, "# {name}: ({origin})")?;
        } else if is_secret(name) && values.iter().any(|value| !value.is_empty()) {
            writeln!(out, "# {name}: '***' ({origin})")?;
        } else {
            let quoted = serde_json::to_string(&values.join(",")).unwrap_or_default();
            writeln!(out, "{name}: {quoted} # {origin}")?;
        }
    }
    Ok(())
}
