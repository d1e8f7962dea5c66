//! The settings of the archive: every setting of the store again, as `--es-archive.*`. What is not set is as for the store itself.

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
    /// [`OpenError::Archive`] when the two would be the same indices.
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
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        store: Config,
        #[command(flatten)]
        archive: ArchiveConfig,
    }

    fn parsed(flags: &[&str]) -> Program {
        Program::try_parse_from(std::iter::once(&"test").chain(flags)).unwrap()
    }

    #[test]
    fn what_is_not_set_for_the_archive_is_as_for_the_store() {
        let program = parsed(&[
            "--es.server-urls=http://a:1,http://b:2",
            "--es.num-shards=3",
            "--es.bulk.size=77",
            "--es-archive.enabled",
            "--es-archive.num-shards=1",
            "--es-archive.use-aliases=true",
        ]);
        assert!(program.archive.enabled() && program.archive.names() == ArchiveNames::Single);
        let archive = program.archive.beside(&program.store).unwrap();
        assert_eq!(archive.connection, program.store.connection);
        assert_eq!((archive.bulk.size, archive.indices.use_aliases), (77, true));
        assert!(!program.store.indices.use_aliases);
        assert_eq!(format!("{:?}", archive).matches("num_shards: 1,").count(), 1);
    }

    #[test]
    fn lists_and_truths_are_taken_as_for_the_store() {
        let program =
            parsed(&["--es-archive.server-urls=http://c,http://d", "--es-archive.use-aliases=false"]);
        let archive = program.archive.beside(&program.store).unwrap();
        assert_eq!(format!("{:?}", archive.connection.server_urls), "[http://c, http://d]");
        assert!(!archive.indices.use_aliases);
    }

    #[test]
    fn secrets_of_the_archive_are_not_shown() {
        let program = parsed(&["--es-archive.password=hush", "--es-archive.server-urls=http://me:hush@a"]);
        let shown = format!("{program:?}");
        assert!(!shown.contains("hush") && shown.contains("--es.password"), "{shown}");
    }

    #[test]
    fn the_stores_own_aliases_are_not_the_archives() {
        let program = parsed(&["--es.use-aliases", "--es.span-read-alias=r", "--es.span-write-alias=w"]);
        let archive = program.archive.beside(&program.store).unwrap();
        assert_eq!((archive.indices.use_aliases, archive.indices.span_read_alias), (true, None));
    }

    #[test]
    fn the_stores_lifecycle_policy_does_not_delete_the_archive() {
        let program = parsed(&["--es.use-aliases", "--es.use-ilm", "--es.ilm-policy-name=three-days"]);
        let archive = program.archive.beside(&program.store).unwrap();
        assert_eq!((archive.templates.use_ilm, archive.templates.ilm_policy_name.as_str()), (true, ""));
        let own = parsed(&["--es.ilm-policy-name=three-days", "--es-archive.ilm-policy-name=years"]);
        assert_eq!(own.archive.beside(&own.store).unwrap().templates.ilm_policy_name, "years");
    }

    #[test]
    fn an_archive_with_the_stores_own_names_is_refused() {
        let same = parsed(&["--es-archive.names=dated"]);
        let error = same.archive.beside(&same.store).unwrap_err().to_string();
        assert!(error.contains("--es-archive.index-prefix"), "{error}");
        let other = parsed(&["--es-archive.names=dated", "--es-archive.index-prefix=kept"]);
        assert_eq!(other.archive.beside(&other.store).unwrap().indices.prefix, "kept");
    }

    #[test]
    fn every_setting_of_the_store_has_its_twin() {
        let twins = ArchiveConfig::augment_args(Command::new("archive"));
        let twins: Vec<&str> = twins.get_arguments().filter_map(Arg::get_long).collect();
        let store = Config::augment_args(Command::new("store"));
        for name in
            store.get_arguments().filter_map(Arg::get_long).filter(|name| !NOT_FOR_ARCHIVES.contains(name))
        {
            assert!(twins.contains(&name.replacen("es.", PREFIX, 1).as_str()), "{name}");
        }
    }
}
