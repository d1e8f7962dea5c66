//! Prepares a clap command: environment variables, Go's way of writing booleans, and the file's values as defaults.

use std::any::TypeId;
use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::FileSettings;
use super::secret::{is_secret, masked};

/// The environment variable of a flag, by Jaeger's rule: upper case, `.` and `-` become `_`.
pub(crate) fn environment_name(flag: &str) -> String {
    flag.chars()
        .map(|letter| if matches!(letter, '.' | '-') { '_' } else { letter.to_ascii_uppercase() })
        .collect()
}

/// Gives every setting of the command its other sources.
pub(crate) fn prepare(command: Command, file: &FileSettings) -> Command {
    command.mut_args(|arg| prepare_arg(arg, file))
}

fn prepare_arg(arg: Arg, file: &FileSettings) -> Arg {
    let Some(name) = arg.get_long().map(str::to_owned) else { return arg };
    if matches!(name.as_str(), "help" | "version") {
        return arg;
    }
    let variable = variable_of(&arg, &name, |variable| {
        std::env::var_os(variable).is_some_and(|value| !value.is_empty())
    });
    // As for Jaeger's programs (viper), an empty variable is one that is not set.
    let hidden = |value: &str| is_secret(&name) || masked(value).is_some();
    let mut arg = match std::env::var_os(&variable) {
        Some(value) if value.is_empty() => arg,
        value => {
            let hides = hidden(&value.unwrap_or_default().to_string_lossy());
            arg.env(OsString::from(variable)).hide_env_values(hides)
        }
    };
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        arg = go_boolean(arg);
    } else if arg.get_value_parser().type_id() == TypeId::of::<bool>() {
        arg = arg.value_parser(parse_go_bool);
    }
    let value = file.get(&name);
    // The help shows defaults.
    arg = arg.hide_default_value(value.is_some_and(hidden));
    match value {
        Some(value) if arg.get_value_delimiter().is_some() => {
            let values: Vec<String> = value.split(',').map(str::to_owned).collect();
            arg.default_values(values)
        }
        Some(value) => arg.default_value(value.to_owned()),
        None => arg,
    }
}

/// The variable that a setting is read from: its own, unless that of an old name is set and its own is not. An alias without a dot is a short
/// word for the command line; its variable could be anybody's.
fn variable_of(arg: &Arg, name: &str, is_set: impl Fn(&str) -> bool) -> String {
    let variable = environment_name(name);
    if is_set(&variable) {
        return variable;
    }
    let old = arg.get_all_aliases().unwrap_or_default().into_iter().filter(|alias| alias.contains('.'));
    old.map(environment_name).find(|old| is_set(old)).unwrap_or(variable)
}

/// `--flag`, `--flag=true` and `--flag=false`, as Go's flags allow; `--flag value` is not a value, as there.
fn go_boolean(arg: Arg) -> Arg {
    arg.action(ArgAction::Set)
        .value_parser(parse_go_bool)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .default_value("false")
        .value_name("BOOL")
}

/// The spellings of Go's `strconv.ParseBool`, which Jaeger's flags and variables go through.
fn parse_go_bool(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false"),
    }
}

#[cfg(test)]
mod tests {
    use clap::value_parser;

    use super::*;

    fn command(text: &str) -> Command {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.yaml");
        std::fs::write(&path, text).unwrap();
        let of = |name: &'static str| Arg::new(name).long(name);
        let command = Command::new("test")
            .arg(of("x.on").num_args(0..=1).require_equals(true).value_parser(value_parser!(bool)))
            .arg(of("x.check").action(ArgAction::SetTrue))
            .arg(of("x.password").default_value(""))
            .arg(of("x.urls").value_delimiter(',').default_value("http://a"))
            .arg(of("x.count").default_value("1"));
        prepare(command, &FileSettings::read(&path).unwrap())
    }

    #[test]
    fn booleans_are_spelt_as_go_spells_them_wherever_they_come_from() {
        let matches = command("x.on: 1\n").get_matches_from(["test", "--x.check=T"]);
        assert_eq!((matches.get_one("x.on"), matches.get_one("x.check")), (Some(&true), Some(&true)));
        let matches = command("{}\n").get_matches_from(["test", "--x.on=False", "--x.check"]);
        assert_eq!((matches.get_one("x.on"), matches.get_one("x.check")), (Some(&false), Some(&true)));
        assert!(command("{}\n").try_get_matches_from(["test", "--x.on=yes"]).is_err());
    }

    #[test]
    fn the_help_shows_no_secret_of_the_file() {
        let text = "x.password: hush\nx.urls: [http://a, http://user:hush@b]\nx.count: 42\n";
        let help = command(text).render_long_help().to_string();
        assert!(!help.contains("hush") && help.contains("[default: 42]"), "{help}");
    }

    #[test]
    fn a_settings_old_name_has_its_variable_too_and_a_short_word_has_none() {
        let arg = Arg::new("agent.tags").long("agent.tags").alias("jaeger.tags").alias("tags");
        let variable = |set: &[&str]| variable_of(&arg, "agent.tags", |name| set.contains(&name));
        assert_eq!(variable(&["JAEGER_TAGS"]), "JAEGER_TAGS");
        assert_eq!(variable(&["JAEGER_TAGS", "AGENT_TAGS"]), "AGENT_TAGS");
        assert_eq!((variable(&[]), variable(&["TAGS"])), ("AGENT_TAGS".into(), "AGENT_TAGS".into()));
    }

    #[test]
    fn a_flag_replaces_the_files_list() {
        let matches =
            command("x.urls: [http://a, http://b]\n").get_matches_from(["test", "--x.urls=http://c"]);
        let urls: Vec<&String> = matches.get_many("x.urls").unwrap().collect();
        assert_eq!(urls, ["http://c"]);
    }
}
