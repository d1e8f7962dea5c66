//! Setting records aside until it has succeeded, beside the writes: a quarantine that is away holds up nobody
//! but the records that it is for, and in the end the partitions that bring so many of them that their part of the room is full.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use spoor_pipeline::{Ended, Quiet};
use spoor_storage::write::RetryPolicy;
use spoor_topic::{Fate, TopicReader};
use tokio::sync::watch;

use crate::leaving::Leaving;
use crate::metrics::Metrics;
use crate::quarantine::{Letter, Quarantine, QuarantineError, Reason};
use crate::shipment::{Flaw, Misfit};
use crate::trouble::Trouble;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(30);

/// What all who set aside share.
pub(crate) struct Warden {
    pub(crate) reader: Arc<dyn TopicReader>,
    pub(crate) topic: Arc<str>,
    pub(crate) quarantine: Arc<dyn Quarantine>,
    pub(crate) policy: RetryPolicy,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) trouble: Trouble,
    pub(crate) lines: Quiet,
}

impl Warden {
    /// Sets the records aside, or gives them back when nobody waits for them any more.
    pub(crate) async fn set_aside(&self, misfits: Vec<Misfit>, mut leaving: watch::Receiver<Leaving>) {
        self.log(&misfits);
        let mut open = misfits;
        let (mut failures, mut struggle) = (0, None);
        while !open.is_empty() {
            let letters: Vec<Letter> = open.iter().map(|misfit| self.letter(misfit)).collect();
            let answers = self.quarantine.set_aside(&letters, Instant::now() + ATTEMPT).await;
            let problem = self.settle(&mut open, answers);
            self.give_up(&mut open, &leaving.borrow_and_update());
            if open.is_empty() {
                break;
            }
            failures += 1;
            struggle.get_or_insert_with(|| self.trouble.struggle());
            if let Some(problem) = problem {
                self.note(&problem);
            }
            let wait = self.policy.delay(failures, None, fastrand::f64());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = leaving.changed() => drop(changed),
            }
            self.give_up(&mut open, &leaving.borrow_and_update());
        }
    }

    /// Settles what was set aside; what was not stays open. Answers the last problem.
    fn settle(
        &self,
        open: &mut Vec<Misfit>,
        answers: Vec<Result<(), QuarantineError>>,
    ) -> Option<QuarantineError> {
        let mut problem = None;
        // An answer that is missing is none: its record stays open.
        let mut answers = answers.into_iter();
        let is_done = |_: &mut Misfit| match answers.next() {
            Some(Ok(())) => true,
            Some(Err(error)) => {
                problem = Some(error);
                false
            }
            None => false,
        };
        let done: Vec<Misfit> = open.extract_if(.., is_done).collect();
        if !done.is_empty() {
            let claims: Vec<_> = done.iter().map(|misfit| misfit.record.claim).collect();
            let reasons: Vec<_> = done.iter().map(|misfit| misfit.flaw.reason).collect();
            if let Some(Ended { after, failures }) = self.trouble.over() {
                tracing::info!(failures, ?after, "records can be set aside again");
            }
            self.metrics.quarantined(&reasons);
            self.metrics.settled(claims.len(), Fate::Quarantined);
            self.reader.settle(&claims, Fate::Quarantined);
        }
        problem
    }

    fn give_up(&self, open: &mut Vec<Misfit>, leaving: &Leaving) {
        let gone: Vec<Misfit> =
            open.extract_if(.., |misfit| leaving.concerns(&misfit.record.claim)).collect();
        if gone.is_empty() {
            return;
        }
        let claims: Vec<_> = gone.iter().map(|misfit| misfit.record.claim).collect();
        self.metrics.settled(claims.len(), Fate::GivenBack);
        self.reader.settle(&claims, Fate::GivenBack);
    }

    fn letter(&self, misfit: &Misfit) -> Letter {
        let Misfit { record, flaw: Flaw { reason, detail } } = misfit;
        Letter {
            topic: Arc::clone(&self.topic),
            place: record.claim.place,
            reason: *reason,
            detail: detail.clone(),
            set_aside: SystemTime::now(),
            written: record.timestamp,
            key: record.key.clone(),
            payload: record.payload.clone(),
            headers: record.headers.clone(),
        }
    }

    fn note(&self, error: &QuarantineError) {
        if self.trouble.goes_on(error) {
            tracing::warn!(
                "{error}; the record stays in the topic, its partition's offset stays before it, and it is tried again"
            );
        }
    }

    /// What comes by the thousand is told once a minute; each letter tells its reason by itself.
    fn log(&self, misfits: &[Misfit]) {
        let Some(left_out) = self.lines.allows() else { return };
        if let Some(Misfit { record, flaw: Flaw { reason, detail } }) = misfits.first() {
            let (partition, offset) = (record.claim.place.partition, record.claim.place.offset);
            // The store's reasons may quote values of attributes, which do not belong into logs that everybody keeps.
            let why = if *reason == Reason::Refused { "the letter says why" } else { detail.as_str() };
            tracing::warn!(
                partition,
                offset,
                reason = reason.name(),
                records = misfits.len(),
                left_out,
                to = self.quarantine.destination(),
                "records that can never be stored are set aside: {why}"
            );
        }
    }
}
