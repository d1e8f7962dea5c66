//! Prepares a clap command: environment variables, Go's way of writing booleans, and the file's values as defaults.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::FileSettings;

/// The environment variable of a flag, by Jaeger's rule: upper case, `.` and `-` become `_`.
pub(crate) fn environment_name(flag: &str) -> String {
    flag.chars()
        .map(|letter| if matches!(letter, '.' | '-') { '_' } else { letter.to_ascii_uppercase() })
        .collect()
}

/// True for settings whose value is never shown.
pub(crate) fn is_secret(flag: &str) -> bool {
    let word = |part: &str| matches!(part, "password" | "token" | "secret" | "api-key");
    flag.rsplit('.').next().is_some_and(word)
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
    let variable = environment_name(&name);
    // As for Jaeger's programs (viper), an empty variable is one that is not set.
    let mut arg = match std::env::var_os(&variable) {
        Some(value) if value.is_empty() => arg,
        _ => arg.env(OsString::from(variable)).hide_env_values(is_secret(&name)),
    };
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        arg = go_boolean(arg);
    }
    match file.get(&name) {
        Some(value) if arg.get_value_delimiter().is_some() => {
            let values: Vec<String> = value.split(',').map(str::to_owned).collect();
            arg.default_values(values)
        }
        Some(value) => arg.default_value(value.to_owned()),
        None => arg,
    }
}

/// `--flag`, `--flag=true` and `--flag=false`, as Go's flags allow; `--flag value` is not a value, as there.
fn go_boolean(arg: Arg) -> Arg {
    arg.action(ArgAction::Set)
        .value_parser(clap::value_parser!(bool))
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .default_value("false")
        .value_name("BOOL")
}
