//! A family of indices as the preparation sees it: its template, the index that is written next, and those that are read.

use std::time::Duration;

use spoor_model::{TimeRange, UnixNanos};

use crate::index::Family;
use crate::template::{Kind, TemplateNames};

/// A family of indices that is looked after.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) template: TemplateNames,
    family: Family,
    max_age: Duration,
}

impl Watched {
    /// `archive` says that the family has an archive's names; `max_age` is how far back it is read.
    pub(crate) fn new(kind: Kind, family: &Family, archive: bool, max_age: Duration) -> Self {
        Self { template: TemplateNames::of(kind, family, archive), family: family.clone(), max_age }
    }

    /// Name of an index that the store would make next, at that moment or by a rollover.
    pub(crate) fn index_to_come(&self, moment: UnixNanos) -> String {
        self.written_index(moment).unwrap_or_else(|| format!("{}-000002", self.template.name))
    }

    /// The index that the store makes when a document of that moment is written; nothing where an alias must be there.
    pub(crate) fn written_index(&self, moment: UnixNanos) -> Option<String> {
        let period = self.family.period(moment);
        (!self.family.writes_to_alias()).then(|| self.family.write_target(period))
    }

    /// What is read of the family, for the path of an address.
    pub(crate) fn read_targets(&self, now: UnixNanos) -> String {
        self.family.targets(TimeRange { start: now.saturating_sub(self.max_age), end: now }).path()
    }
}
