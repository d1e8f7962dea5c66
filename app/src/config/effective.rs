//! `--print-config`: every setting as it takes effect, with where it comes from; secrets masked.

use std::io::Write;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::secret::{is_secret, masked};
use super::{FileSettings, environment_name};

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
            let value = values.join(",");
            let quoted = |value: &str| serde_json::to_string(value).unwrap_or_default();
            match masked(&value) {
                Some(masked) => writeln!(out, "# {name}: {} ({origin})", quoted(&masked))?,
                None => writeln!(out, "{name}: {} # {origin}", quoted(&value))?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn secrets_are_masked_be_they_settings_or_parts_of_a_url() {
        let of = |name: &'static str| Arg::new(name).long(name);
        let mut command = Command::new("test")
            .arg(of("x.password"))
            .arg(of("x.urls").value_delimiter(','))
            .arg(of("x.name"));
        let args = ["test", "--x.password=hush", "--x.urls=http://a,https://user:hush@b:9200", "--x.name=n"];
        let matches = command.try_get_matches_from_mut(args).unwrap();
        let mut out = Vec::new();
        print_effective(&mut out, &command, &matches, &FileSettings::default()).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "# x.password: '***' (flag)\n# x.urls: \"http://a,https://***@b:9200\" (flag)\nx.name: \"n\" # flag\n"
        );
    }
}
