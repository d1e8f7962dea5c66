//! Looking at records that were set aside, and putting them back: `spoor ingester dead-letters`.

mod error;
mod file_letters;
mod filter;
mod letters;
mod list;
mod printable;
mod replay;
mod show;
mod topic_letters;

use std::io::Write;

pub use crate::quarantine::{LetterId, NoLetterId};
pub use error::{DeadLettersError, OpenWriterError, UsageError};
pub use file_letters::FileLetters;
pub use filter::{FilterArgs, Moment};
pub use letters::{Letters, LettersError, LettersPage, Stray};
pub use list::{ListArgs, Output};
pub use replay::{OpenWriter, ReplayArgs};
pub use show::ShowArgs;
pub use topic_letters::TopicLetters;

/// What to do with letters.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum DeadLettersCommand {
    /// Lists records that were set aside, one a line.
    List(ListArgs),
    /// Shows everything that is known of one of them.
    Show(ShowArgs),
    /// Writes them to the topic they were read from again, as they were.
    ///
    /// A store keeps a span once, so doing it twice does no harm. What the store still refuses is set aside again.
    Replay(ReplayArgs),
}

impl DeadLettersCommand {
    /// What the flags alone do not tell.
    ///
    /// # Errors
    /// Flags that do not go together; says which and what to do.
    pub fn validate(&self) -> Result<(), UsageError> {
        match self {
            Self::List(args) => args.filter.validate().map_err(UsageError),
            Self::Show(_) => Ok(()),
            Self::Replay(args) => args.validate(),
        }
    }
}

/// Carries the command out on these letters and tells about it on `out`. Writers are opened for the topics that letters are
/// put back into, each once.
///
/// # Errors
/// It could not be done, or not for every letter; `out` says for which.
pub async fn run(
    command: &DeadLettersCommand,
    letters: &mut dyn Letters,
    open_writer: &OpenWriter<'_>,
    out: &mut dyn Write,
) -> Result<(), DeadLettersError> {
    command.validate()?;
    match command {
        DeadLettersCommand::List(args) => list::list(args, letters, out).await,
        DeadLettersCommand::Show(args) => show::show(args, letters, out).await,
        DeadLettersCommand::Replay(args) => replay::replay(args, letters, open_writer, out).await,
    }
}
