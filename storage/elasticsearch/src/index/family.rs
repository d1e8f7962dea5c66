//! The indices of one kind of document: where one of a moment is written, and which are read for a stretch of time.

use spoor_model::{TimeRange, UnixNanos};

use super::Targets;
use super::period::{Layout, Period};

/// The indices of one kind of document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Family {
    /// The family's name: `prod-jaeger-span`.
    base: String,
    rotation: Rotation,
    /// Names of the remote clusters that are read as well.
    remotes: Vec<String>,
    /// All indices are read, whatever stretch of time is asked for.
    ageless: bool,
}

/// How a family goes on from index to index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rotation {
    /// An index a day or an hour, named for it.
    Periodic(Layout),
    /// Somebody else (a rollover job, a lifecycle policy) makes the indices; two aliases lead to them.
    Aliases { read: String, write: String },
    /// One index for ever.
    One(String),
}

impl Rotation {
    /// Its aliases, each once: one that knows its write index may serve for both.
    pub(super) fn alias_names(&self) -> Vec<&str> {
        match self {
            Self::Aliases { read, write } if read == write => vec![read],
            Self::Aliases { read, write } => vec![read, write],
            Self::Periodic(_) | Self::One(_) => Vec::new(),
        }
    }
}

impl Family {
    pub(super) fn new(base: String, rotation: Rotation, remotes: Vec<String>) -> Self {
        Self { base, rotation, remotes, ageless: false }
    }

    /// The same, read whole whatever stretch of time is asked for.
    pub(super) fn ageless(self) -> Self {
        Self { ageless: true, ..self }
    }

    /// The period of a document of that moment.
    #[inline]
    pub(crate) fn period(&self, moment: UnixNanos) -> Period {
        match &self.rotation {
            Rotation::Periodic(layout) => layout.frequency.period(moment),
            Rotation::Aliases { .. } | Rotation::One(_) => Period::default(),
        }
    }

    /// Where a document of the period is written.
    pub(crate) fn write_target(&self, period: Period) -> String {
        match &self.rotation {
            Rotation::Periodic(layout) => format!("{}-{}", self.base, layout.name(period)),
            Rotation::Aliases { write, .. } => write.clone(),
            Rotation::One(name) => name.clone(),
        }
    }

    /// Where documents are written is an alias: it must be there before the first write, since a store would make an index of
    /// its name, which no rollover can then turn into an alias.
    pub(crate) fn writes_to_alias(&self) -> bool {
        matches!(self.rotation, Rotation::Aliases { .. })
    }

    /// The aliases to read and to write, where the family has them.
    pub(crate) fn aliases(&self) -> Option<(&str, &str)> {
        match &self.rotation {
            Rotation::Aliases { read, write } => Some((read, write)),
            Rotation::Periodic(_) | Rotation::One(_) => None,
        }
    }

    /// The pattern of all indices of the family, those of rollovers included.
    pub(crate) fn pattern(&self) -> String {
        format!("{}-*", self.base)
    }

    /// The family's name, which its template has, too.
    pub(crate) fn base_name(&self) -> &str {
        &self.base
    }

    /// What may hold documents of the window, newest first. A list that would grow too long for an address becomes one of
    /// patterns of days (hourly indices), of months, or of centuries; none of them takes in an archive or rollover series.
    pub(crate) fn targets(&self, window: TimeRange) -> Targets {
        let local = match &self.rotation {
            Rotation::Periodic(layout) => self.periodic_targets(layout, window),
            Rotation::Aliases { read, .. } => vec![read.clone()],
            Rotation::One(name) => vec![name.clone()],
        };
        Targets::with_remotes(local, &self.remotes)
    }

    fn periodic_targets(&self, layout: &Layout, window: TimeRange) -> Vec<String> {
        let centuries = || vec![format!("{}-2*", self.base), format!("{}-1*", self.base)];
        if self.ageless {
            return centuries();
        }
        let end = TimeRange { end: window.end.max(window.start), ..window };
        let hourly = layout.frequency.hours() == 1;
        let named = |name: String| format!("{}-{name}", self.base);
        self.listed(
            layout,
            end,
            &|period| named(layout.name(period)),
            hourly.then_some(&|period| named(layout.day(period))),
        )
        .or_else(|| {
            let days = |period| named(layout.day(period)) + "*";
            hourly.then(|| self.listed(layout, end, &days, None)).flatten()
        })
        .or_else(|| self.listed(layout, end, &|period| named(layout.month(period)) + "*", None))
        .unwrap_or_else(centuries)
    }

    /// The names of the window's periods, each once, newest first; nothing when they are too many. An hourly family lists its
    /// days, too: what was written before it became hourly.
    fn listed(
        &self,
        layout: &Layout,
        window: TimeRange,
        name: &dyn Fn(Period) -> String,
        day: Option<&dyn Fn(Period) -> String>,
    ) -> Option<Vec<String>> {
        let (first, last) = (layout.frequency.period(window.start), layout.frequency.period(window.end));
        let mut names: Vec<String> = Vec::new();
        let mut bytes = 0;
        let mut add = |text: String| {
            if names.last() != Some(&text) && !names.contains(&text) {
                bytes += Targets::address_bytes(&text, &self.remotes);
                names.push(text);
            }
            bytes <= super::MAX_LIST_BYTES
        };
        let mut period = last;
        loop {
            let fits = add(name(period)) && day.is_none_or(|day| add(day(period)));
            if !fits {
                return None;
            }
            if period <= first {
                return Some(names);
            }
            period = Period(period.0.saturating_sub(layout.frequency.hours()));
        }
    }
}
