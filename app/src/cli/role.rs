//! The commands that have settings from files and the environment, each with its flags.

use clap::{Args, CommandFactory};

use super::{Cli, DEAD_LETTERS, DEPENDENCIES, ERASE_SPANS, POLICY, ROLLOVER};
use crate::command::{
    AgentArgs, AllInOneArgs, CollectorArgs, DeadLettersArgs, DependenciesArgs, EraseArgs, EsRolloverArgs,
    IndexCleanerArgs, IngesterArgs, PolicyArgs, QueryArgs, RetentionArgs, RolloverArgs,
};
use crate::config::{FileSettings, prepare};

/// A command with settings.
pub(super) struct Role {
    pub(super) name: &'static str,
    /// Of Jaeger's flags that concern it.
    pub(super) prefixes: &'static [&'static str],
    /// Adds its flags.
    arguments: fn(clap::Command) -> clap::Command,
}

/// All of them, in the order of the reference.
const ROLES: [Role; 13] = [
    Role {
        name: "all-in-one",
        prefixes: &[
            "es.",
            "kafka.",
            "ingester.",
            "memory.",
            "collector.",
            "query.",
            "admin.",
            "multi-tenancy.",
            "sampling.",
            "downsampling.",
            "prometheus.query.",
            "prometheus.tls.",
            "metrics-storage.",
            "processor.",
            "reporter.",
            "agent.",
            "http-server.",
        ],
        arguments: AllInOneArgs::augment_args,
    },
    Role {
        name: "agent",
        prefixes: &["processor.", "reporter.", "agent.", "http-server.", "admin."],
        arguments: AgentArgs::augment_args,
    },
    Role {
        name: "collector",
        prefixes: &[
            "es.",
            "kafka.producer.",
            "collector.",
            "admin.",
            "multi-tenancy.",
            "sampling.",
            "downsampling.",
        ],
        arguments: CollectorArgs::augment_args,
    },
    Role {
        name: "ingester",
        prefixes: &["es.", "kafka.consumer.", "ingester.", "admin."],
        arguments: IngesterArgs::augment_args,
    },
    Role { name: DEAD_LETTERS, prefixes: &["kafka.consumer."], arguments: DeadLettersArgs::augment_args },
    Role {
        name: "query",
        prefixes: &[
            "es.",
            "query.",
            "admin.",
            "multi-tenancy.",
            "prometheus.query.",
            "prometheus.tls.",
            "metrics-storage.",
        ],
        arguments: QueryArgs::augment_args,
    },
    Role { name: DEPENDENCIES, prefixes: &["es."], arguments: DependenciesArgs::augment_args },
    Role {
        name: "retention",
        prefixes: &["es.", "retention.", "admin."],
        arguments: RetentionArgs::augment_args,
    },
    Role { name: "es-index-cleaner", prefixes: &["es."], arguments: IndexCleanerArgs::augment_args },
    Role { name: ERASE_SPANS, prefixes: &["es.", "retention."], arguments: EraseArgs::augment_args },
    Role {
        name: ROLLOVER,
        prefixes: &["es.", "retention.", "admin."],
        arguments: RolloverArgs::augment_args,
    },
    Role { name: POLICY, prefixes: &["es.", "retention."], arguments: PolicyArgs::augment_args },
    Role { name: "es-rollover", prefixes: &["es."], arguments: EsRolloverArgs::augment_args },
];

impl Role {
    /// The one of this name.
    pub(super) fn called(name: &str) -> Option<&'static Self> {
        const { &ROLES }.iter().find(|role| role.name == name)
    }

    /// `command`, which is this role's, with its flags.
    pub(super) fn with_flags(&self, command: clap::Command) -> clap::Command {
        // They are not put off any more.
        (self.arguments)(command.defer(std::convert::identity))
    }

    /// `command`, which has the role's flags, with each one's environment variable, and the file's value as its default.
    pub(super) fn prepared(&self, command: clap::Command, file: &FileSettings) -> clap::Command {
        let command = prepare(command, file);
        if self.name == DEAD_LETTERS { settings_anywhere(command) } else { command }
    }
}

/// The names of the settings among a role's flags.
pub(super) fn settings(command: &clap::Command) -> Vec<String> {
    let names = command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned));
    // A file that names another file would not be followed.
    names.filter(|name| name != "config-file").collect()
}

/// The names of the settings of all roles.
pub(super) fn settings_of_all() -> Vec<String> {
    let of = |role: &Role| settings(&role.with_flags(clap::Command::new(role.name)));
    let mut names: Vec<String> = ROLES.iter().flat_map(of).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The roles' commands with every setting's environment variable, and defaults that no file has changed.
pub(crate) fn roles() -> Vec<clap::Command> {
    let (command, file) = (Cli::command(), FileSettings::default());
    let of = |role: &Role| {
        let command = command.find_subcommand(role.name).cloned()?;
        Some(prepare(role.with_flags(command), &file))
    };
    ROLES.iter().filter_map(of).collect()
}

/// What the help calls them there.
const SETTINGS: &str = "Settings";

/// A command's settings may stand behind the names of its own commands, too.
fn settings_anywhere(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| {
        let is_setting = arg.get_long().is_some_and(|long| !matches!(long, "help" | "version"));
        if is_setting { arg.global(true).help_heading(SETTINGS) } else { arg }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::refuse_unsupported_environment;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        let file = FileSettings::default();
        for role in &ROLES {
            Cli::command()
                .mut_subcommand(role.name, |stub| role.prepared(role.with_flags(stub), &file))
                .debug_assert();
        }
    }

    #[test]
    fn a_command_has_the_flags_of_its_role_however_it_is_made() {
        for role in &ROLES {
            let mut whole = Cli::command();
            whole.build();
            let derived = whole.find_subcommand(role.name).unwrap();
            let names = |command: &clap::Command| -> Vec<String> {
                let longs = command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned));
                longs.filter(|name| name != "help" && name != "version").collect()
            };
            assert_eq!(
                names(derived),
                names(&role.with_flags(clap::Command::new(role.name))),
                "{}",
                role.name
            );
        }
    }

    #[test]
    fn the_flags_of_a_command_that_is_not_asked_for_are_not_made() {
        let command = Cli::command();
        let made = command.get_subcommands().filter(|command| command.get_arguments().next().is_some());
        assert_eq!(made.count(), 0);
    }

    #[test]
    fn a_variable_of_jaeger_that_a_role_would_ignore_stops_this_role_alone() {
        let refused = |role: &str, name: &str| {
            let role = Role::called(role).unwrap();
            let own = settings(&role.with_flags(clap::Command::new(role.name)));
            let names = [name.to_owned()].into_iter();
            refuse_unsupported_environment(names, role.prefixes, &own, settings_of_all).is_err()
        };
        for (name, role, other) in [
            ("SAMPLING_UNKNOWN", "collector", "query"),
            ("DOWNSAMPLING_RATIO", "collector", "query"),
            ("PROMETHEUS_QUERY_UNKNOWN", "query", "collector"),
        ] {
            assert!(refused(role, name) && refused("all-in-one", name), "{name}");
            assert!(!refused(other, name), "{name} is no business of the {other}");
        }
        assert!(!refused("query", "PROMETHEUS_PORT_9090_TCP") && !refused("all-in-one", "SPAN_STORAGE_TYPE"));
    }
}
