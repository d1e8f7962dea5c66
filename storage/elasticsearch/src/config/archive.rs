//! The settings of the archive: every setting of the store again, as `--es-archive.*`. What is not set is as for the store itself.

mod effect;

use std::ffi::OsString;
use std::fmt;

use clap::builder::OsStr;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum};

use super::Config;
use crate::OpenError;

const PREFIX: &str = "es-archive.";
const ENABLED: &str = "es-archive.enabled";
const NAMES: &str = "es-archive.names";
/// Settings of the store that an archive has no use for: it is read without regard to age, and knows no wrong clocks.
const NOT_FOR_ARCHIVES: [&str; 3] = ["es.max-span-age", "es.span-window.past", "es.span-window.future"];
/// Settings that would make the archive the store itself, or have it deleted along with it, were they taken over.
const NOT_INHERITED: [&str; 7] = [
    "es.span-read-alias",
    "es.span-write-alias",
    "es.service-read-alias",
    "es.service-write-alias",
    "es.compact-span-read-alias",
    "es.compact-span-write-alias",
    // The store's policy deletes what an archive is to keep.
    "es.ilm-policy-name",
];

/// How the indices of an archive are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArchiveNames {
    /// jaeger-span-archive, without a date, as Jaeger v1 has it
    Single,
    /// Dated names as the store has them, under --es-archive.index-prefix, as Jaeger v2 has it
    Dated,
}

/// The archive: a second set of indices for traces that are to be kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ArchiveConfig {
    enabled: bool,
    names: ArchiveNames,
    /// What was set: `--es.NAME=VALUE`.
    given: Vec<OsString>,
}

/// Without the values: some are secret.
impl fmt::Debug for ArchiveConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |argument: &OsString| argument.to_string_lossy().into_owned();
        let given: Vec<String> = self.given.iter().map(text).collect();
        let names: Vec<&str> = given.iter().filter_map(|argument| argument.split('=').next()).collect();
        let Self { enabled, names: naming, given: _ } = self;
        f.debug_struct("ArchiveConfig")
            .field("enabled", enabled)
            .field("names", naming)
            .field("given", &names)
            .finish()
    }
}

impl ArchiveConfig {
    /// Whether there is an archive.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// How its indices are called.
    #[must_use]
    pub fn names(&self) -> ArchiveNames {
        self.names
    }

    /// The settings of the archive beside a store with these.
    ///
    /// # Errors
    /// [`OpenError::Archive`] when the two would be the same indices, and for a setting that would have no effect.
    pub fn beside(&self, store: &Config) -> Result<Config, OpenError> {
        let mut archive = store.clone();
        let indices = &mut archive.indices;
        for alias in [
            &mut indices.span_read_alias,
            &mut indices.span_write_alias,
            &mut indices.service_read_alias,
            &mut indices.service_write_alias,
            &mut indices.compact_span_read_alias,
            &mut indices.compact_span_write_alias,
        ] {
            *alias = None;
        }
        archive.templates.ilm_policy_name.clear();
        self.refuse_aliases_of_services()?;
        let matches = store_command()
            .try_get_matches_from(&self.given)
            .map_err(|error| OpenError::Archive(error.to_string()))?;
        archive.update_from_arg_matches(&matches).map_err(|error| OpenError::Archive(error.to_string()))?;
        // Whoever archives a trace knows how old it is.
        archive.indices.span_window_past = std::time::Duration::ZERO;
        archive.indices.span_window_future = std::time::Duration::ZERO;
        let same_place = archive.connection.server_urls == store.connection.server_urls;
        if self.names == ArchiveNames::Dated && same_place && archive.indices.prefix == store.indices.prefix {
            let what = "--es-archive.names=dated needs an --es-archive.index-prefix of its own: without one the archive and the \
                        store are the same indices";
            return Err(OpenError::Archive(what.to_owned()));
        }
        Ok(archive)
    }

    /// Refuses what would have no effect in `archive`, the settings of the archive beside `store`.
    ///
    /// # Errors
    /// [`OpenError::Archive`] with the setting and the reason.
    pub(crate) fn refuse_what_has_no_effect(
        &self,
        archive: &Config,
        store: &Config,
    ) -> Result<(), OpenError> {
        effect::refusal(self.names, archive, store).map_or(Ok(()), |refusal| Err(OpenError::Archive(refusal)))
    }

    /// Only an archive under dated names has services.
    fn refuse_aliases_of_services(&self) -> Result<(), OpenError> {
        let aliases = ["--es.service-read-alias", "--es.service-write-alias"];
        let of_services =
            |argument: &&OsString| aliases.iter().any(|alias| argument.to_string_lossy().starts_with(alias));
        match self.given.iter().find(of_services) {
            Some(argument) if self.names == ArchiveNames::Single => {
                let argument = argument.to_string_lossy();
                let name = argument.trim_start_matches("--es.").split('=').next().unwrap_or_default();
                Err(OpenError::Archive(format!(
                    "--{PREFIX}{name} would have no effect: nobody asks an archive for its services, and with --es-archive.names=single \
                     none are written; remove it"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// The settings of a store without their defaults: what is not given changes nothing.
fn store_command() -> Command {
    Config::augment_args_for_update(Command::new("archive").no_binary_name(true)).mut_args(|arg| {
        let arg = arg.default_values(Vec::<OsStr>::new()).required(false);
        if arg.get_value_parser().type_id() == std::any::TypeId::of::<bool>() {
            arg.value_parser(|text: &str| crate::go_bool(text).ok_or("write true or false"))
        } else {
            arg
        }
    })
}

fn switches() -> [Arg; 2] {
    [
        Arg::new(ENABLED)
            .long(ENABLED)
            .value_name("BOOL")
            .help("Whether there is an archive, to which traces can be copied to keep them longer")
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .value_parser(clap::value_parser!(bool)),
        Arg::new(NAMES)
            .long(NAMES)
            .value_name("NAMES")
            .help("How the archive's indices are called")
            .default_value("single")
            .value_parser(clap::value_parser!(ArchiveNames)),
    ]
}

fn archive_arguments(command: Command) -> Command {
    let store = Config::augment_args(Command::new("store"));
    let own = store.get_arguments().filter(|arg| !NOT_FOR_ARCHIVES.contains(&arg.get_id().as_str())).cloned();
    command.args(switches()).args(own.map(for_archive))
}

/// The same setting under the archive's name, unset by default.
fn for_archive(arg: Arg) -> Arg {
    let Some(name) = arg.get_long().and_then(|long| long.strip_prefix("es.")).map(str::to_owned) else {
        return arg;
    };
    let default =
        if NOT_INHERITED.contains(&format!("es.{name}").as_str()) { "not set" } else { "the store's" };
    let long = format!("{PREFIX}{name}");
    let help = format!("As --es.{name}, for the archive; by default {default}");
    arg.id(long.clone())
        .long(long)
        .default_values(Vec::<OsStr>::new())
        .required(false)
        .help(help.clone())
        .long_help(help)
}

impl Args for ArchiveConfig {
    fn augment_args(command: Command) -> Command {
        archive_arguments(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        archive_arguments(command)
    }
}

impl FromArgMatches for ArchiveConfig {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for id in matches.ids().map(clap::Id::as_str) {
            let Some(name) = id.strip_prefix(PREFIX).filter(|_| id != ENABLED && id != NAMES) else {
                continue;
            };
            let values: Vec<_> = matches.get_raw(id).into_iter().flatten().collect();
            let mut argument = OsString::from(format!("--es.{name}="));
            argument.push(values.join(std::ffi::OsStr::new(",")));
            given.push(argument);
        }
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingRequiredArgument);
        Ok(Self {
            enabled: *matches.get_one(ENABLED).ok_or_else(missing)?,
            names: *matches.get_one(NAMES).ok_or_else(missing)?,
            given,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
