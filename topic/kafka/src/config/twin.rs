//! The connection's settings under the names of a side: `--kafka.brokers` is declared once and becomes `--kafka.producer.brokers` and
//! `--kafka.consumer.brokers`, in its words, too.

use std::ffi::OsString;
use std::ops::Deref;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::ConnectionConfig;

const DECLARED: &str = "kafka.";
const FLAG: &str = "--kafka.";

macro_rules! twin {
    ($(#[$words:meta])* $name:ident, $prefix:literal) => {
        $(#[$words])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name(pub ConnectionConfig);

        impl $name {
            /// What stands before a setting's name in its flag.
            pub const PREFIX: &'static str = $prefix;
        }

        impl Deref for $name {
            type Target = ConnectionConfig;

            fn deref(&self) -> &ConnectionConfig {
                &self.0
            }
        }

        impl Args for $name {
            fn augment_args(command: Command) -> Command {
                arguments(command, $prefix)
            }

            fn augment_args_for_update(command: Command) -> Command {
                arguments(command, $prefix)
            }
        }

        impl FromArgMatches for $name {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                declared(matches, $prefix).map(Self)
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
}

twin!(
    /// How the writing side reaches the brokers.
    ProducerConnection,
    "kafka.producer."
);
twin!(
    /// How the reading side reaches the brokers.
    ConsumerConnection,
    "kafka.consumer."
);

fn arguments(command: Command, prefix: &'static str) -> Command {
    let declared = ConnectionConfig::augment_args(Command::new("connection"));
    let own: Vec<Arg> = declared.get_arguments().cloned().collect();
    command.args(own.into_iter().map(|arg| renamed(arg, prefix)))
}

fn renamed(arg: Arg, prefix: &'static str) -> Arg {
    let Some(name) = arg.get_long().and_then(|long| long.strip_prefix(DECLARED)).map(str::to_owned) else {
        return arg;
    };
    let long = format!("{prefix}{name}");
    let words = |text: String| text.replace(FLAG, &format!("--{prefix}"));
    let help = arg.get_help().map(|help| words(help.to_string()));
    let long_help = arg.get_long_help().map(|help| words(help.to_string()));
    let mut arg = arg.id(long.clone()).long(long);
    if let Some(help) = help {
        arg = arg.help(help);
    }
    if let Some(help) = long_help {
        arg = arg.long_help(help);
    }
    arg
}

/// The settings as they are declared, from those that were given under the side's names.
fn declared(matches: &ArgMatches, prefix: &str) -> Result<ConnectionConfig, clap::Error> {
    let mut given = Vec::new();
    for id in matches.ids().map(clap::Id::as_str) {
        let Some(name) = id.strip_prefix(prefix) else { continue };
        let command = ConnectionConfig::augment_args(Command::new("connection"));
        let is_ours = command.get_arguments().any(|arg| arg.get_id().as_str() == format!("{DECLARED}{name}"));
        if !is_ours {
            continue;
        }
        let values: Vec<_> = matches.get_raw(id).into_iter().flatten().collect();
        let mut argument = OsString::from(format!("{FLAG}{name}="));
        argument.push(values.join(std::ffi::OsStr::new(",")));
        given.push(argument);
    }
    let command = ConnectionConfig::augment_args(Command::new("connection").no_binary_name(true));
    ConnectionConfig::from_arg_matches(&command.try_get_matches_from(given)?)
}

super::defaults_from_flags!(ProducerConnection);
super::defaults_from_flags!(ConsumerConnection);
