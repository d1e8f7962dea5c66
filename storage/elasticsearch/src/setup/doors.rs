//! What is told to whom: whether the store can be written to, be read, or either.

use tokio::sync::watch;

use super::Readiness;
use super::reach::Reach;

/// Where the preparation tells what it finds.
#[derive(Debug)]
pub(super) struct Doors {
    prepared: watch::Sender<Readiness>,
    writing: watch::Sender<Readiness>,
    reading: watch::Sender<Readiness>,
    whole: watch::Sender<Readiness>,
}

/// Where it is heard.
#[derive(Debug)]
pub(super) struct Heard {
    /// Whether the store is prepared, whatever can be reached in it.
    pub(super) prepared: watch::Receiver<Readiness>,
    /// And spans can be written.
    pub(super) writing: watch::Receiver<Readiness>,
    /// And all that is to be read can be.
    pub(super) reading: watch::Receiver<Readiness>,
    /// All of it.
    pub(super) whole: watch::Receiver<Readiness>,
}

impl Doors {
    pub(super) fn new(initial: &Readiness) -> (Self, Heard) {
        let (prepared, prepared_heard) = watch::channel(initial.clone());
        let (writing, writing_heard) = watch::channel(initial.clone());
        let (reading, reading_heard) = watch::channel(initial.clone());
        let (whole, whole_heard) = watch::channel(initial.clone());
        let heard = Heard {
            prepared: prepared_heard,
            writing: writing_heard,
            reading: reading_heard,
            whole: whole_heard,
        };
        (Self { prepared, writing, reading, whole }, heard)
    }

    /// What was told last of the preparation.
    pub(super) fn prepared(&self) -> Readiness {
        self.prepared.borrow().clone()
    }

    /// Whether somebody is told to wait.
    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.whole.borrow(), Readiness::Ready(_))
    }

    /// The same again is not news.
    pub(super) fn tell(&self, prepared: &Readiness, reach: &Reach) {
        let with = |troubles: &[&[String]]| match prepared {
            Readiness::Ready(_) if troubles.iter().any(|some| !some.is_empty()) => {
                Readiness::NotReady(troubles.concat().join("; "))
            }
            other => other.clone(),
        };
        for (door, readiness) in [
            (&self.prepared, prepared.clone()),
            (&self.writing, with(&[&reach.writing])),
            (&self.reading, with(&[&reach.reading])),
            (&self.whole, with(&[&reach.writing, &reach.reading])),
        ] {
            door.send_if_modified(|told| {
                let news = *told != readiness;
                *told = readiness;
                news
            });
        }
    }
}
