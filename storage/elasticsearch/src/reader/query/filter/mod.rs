//! A structured filter as questions to the index. Of the compact layout the index tells most, and what it does not tell can be read in
//! its documents, so that the answer lies between two questions ([`Bounds`]). Documents of Jaeger's layout tell what `jaeger` says, and
//! anything else is refused where there are any that it could be about.

mod bounds;
mod compact;
mod jaeger;
#[cfg(test)]
mod tests;
mod tokens;

use serde_json::Value;
use spoor_model::filter::{
    Collection, Comparison, Constant, Field, Filter, Level, Operand, Operator, Reference,
};

pub(in crate::reader) use bounds::Bounds;

/// A filter for one search over both layouts.
#[derive(Debug)]
pub(in crate::reader) struct Condition {
    /// Over documents of both layouts, without what Jaeger's do not tell.
    pub(in crate::reader) bounds: Bounds,
    /// What Jaeger's documents do not tell.
    pub(in crate::reader) untold: Option<Untold>,
}

/// A part of a filter that Jaeger's documents do not tell.
#[derive(Debug)]
pub(in crate::reader) struct Untold {
    /// In words, and what to do about it.
    pub(in crate::reader) reason: String,
    /// Finds the documents of Jaeger's layout whose answer hangs on it.
    pub(in crate::reader) concerned: Value,
}

impl Condition {
    pub(in crate::reader) fn of(filter: &Filter, dots: &str) -> Self {
        let mut both = Reading { dots, of: Documents::Both, some: Vec::new(), reason: None };
        let bounds = both.bounds(filter);
        let untold = both.reason.map(|reason| {
            let mut jaeger = Reading { dots, of: Documents::Jaeger, some: Vec::new(), reason: None };
            let concerned = jaeger.bounds(filter).in_doubt();
            Untold { reason, concerned: concerned.unwrap_or_else(|| Bounds::never().most) }
        });
        Self { bounds, untold }
    }
}

/// Which documents are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Documents {
    /// Those of both layouts; what Jaeger's do not tell finds none of them.
    Both,
    /// Jaeger's alone; what they do not tell is in doubt.
    Jaeger,
}

struct Reading<'d> {
    dots: &'d str,
    of: Documents,
    /// Collections of which one element is spoken about.
    some: Vec<Collection>,
    /// What the first condition is that Jaeger's documents do not tell.
    reason: Option<String>,
}

impl Reading<'_> {
    fn bounds(&mut self, filter: &Filter) -> Bounds {
        match filter {
            Filter::All(filters) => {
                Bounds::all(filters.iter().map(|filter| self.bounds(filter)).collect::<Vec<_>>())
            }
            Filter::Any(filters) => {
                Bounds::any(filters.iter().map(|filter| self.bounds(filter)).collect::<Vec<_>>())
            }
            Filter::Not(filter) => self.bounds(filter).not(),
            Filter::Exists(subject) => self.exists(subject),
            Filter::Compare(comparison) => self.comparison(comparison),
            Filter::Matches(subject, pattern) => self.leaf(
                subject,
                compact::matches(subject, pattern),
                jaeger::matches(subject, pattern, self.dots),
            ),
            Filter::OneOf { subject, list, negated } => {
                let equal = list.iter().map(|value| self.compares(subject, Operator::Eq, value));
                let listed = Bounds::any(equal.collect::<Vec<_>>());
                if *negated { self.present_but(subject, listed) } else { listed }
            }
            Filter::Some(collection, filter) => {
                self.some.push(*collection);
                let inner = self.bounds(filter);
                self.some.pop();
                // That one element satisfies all of it is only seen in the document.
                let untold = jaeger::untold("\"some\" is not told by an index");
                let most = if self.of == Documents::Both { inner.most } else { Bounds::never().most };
                self.both_or_untold(Bounds::possible(most), untold)
            }
        }
    }

    fn exists(&mut self, subject: &Reference) -> Bounds {
        self.leaf(subject, compact::exists(subject), jaeger::exists(subject, self.dots))
    }

    fn compares(&mut self, subject: &Reference, operator: Operator, value: &Constant) -> Bounds {
        let jaeger = jaeger::compares(subject, operator, value, self.dots);
        let bounds = self.leaf(subject, compact::compares(subject, operator, value), jaeger);
        if is_absence(subject, value) { bounds.not() } else { bounds }
    }

    /// There is a value, and none of this kind.
    fn present_but(&mut self, subject: &Reference, equal: Bounds) -> Bounds {
        Bounds::all([self.exists(subject), equal.not()])
    }

    fn comparison(&mut self, comparison: &Comparison) -> Bounds {
        if let Some(failed) = comparison.of_failure() {
            let has_failed =
                Bounds::exact(bounds::any([jaeger::failure(self.dots), self.kept(compact::failure())]));
            return if failed { has_failed } else { has_failed.not() };
        }
        let Comparison { subject, operator, operand } = comparison;
        match operand {
            Operand::Constant(value) if *operator == Operator::Ne => {
                let equal = self.compares(subject, Operator::Eq, value);
                self.present_but(subject, equal)
            }
            Operand::Constant(value) => self.compares(subject, *operator, value),
            Operand::Reference(other) => {
                let both = [subject, other].map(|one| compact::exists(one).most);
                let what = format!("{:?} of two values of one span is not told by an index", operator.name());
                self.both_or_untold(Bounds::possible(bounds::all(both)), jaeger::untold(&what))
            }
        }
    }

    /// One condition: what compact documents tell of it, and what Jaeger's do.
    fn leaf(&mut self, subject: &Reference, compact: Bounds, jaeger: Result<Value, String>) -> Bounds {
        let quantified = self.some.iter().any(|collection| level_of(*collection) == level(subject));
        let compact = if quantified { Bounds::possible(compact.most) } else { compact };
        if self.of == Documents::Both && jaeger.is_ok() && is_shared(subject) {
            return compact;
        }
        self.both_or_untold(compact, jaeger)
    }

    fn both_or_untold(&mut self, compact: Bounds, jaeger: Result<Value, String>) -> Bounds {
        let jaeger = match (jaeger, self.of) {
            (Ok(question), _) => Bounds::exact(question),
            (Err(reason), of) => {
                self.reason.get_or_insert(reason);
                if of == Documents::Both { Bounds::never() } else { Bounds::unknown() }
            }
        };
        match self.of {
            Documents::Both => Bounds::any([jaeger, compact]),
            Documents::Jaeger => jaeger,
        }
    }

    /// What is asked of compact documents, unless these are not asked about.
    fn kept(&self, question: Value) -> Value {
        if self.of == Documents::Both { question } else { Bounds::never().most }
    }
}

/// The documents of both layouts have this field, and what is asked of it in one finds the others.
fn is_shared(reference: &Reference) -> bool {
    use Field::{Duration, Name, Service, SpanId, StartTime, TraceId};
    matches!(reference, Reference::Field(TraceId | SpanId | Name | Service | StartTime | Duration))
}

/// The word says that there is nothing. What is asked for then is that there is something, and that is turned round.
fn is_absence(reference: &Reference, value: &Constant) -> bool {
    matches!(
        (reference, value),
        (Reference::Field(Field::Kind), Constant::Text(word)) if word == "unspecified"
    ) || matches!(
        (reference, value),
        (Reference::Field(Field::Status), Constant::Text(word)) if word == "unset"
    )
}

fn level_of(collection: Collection) -> Option<Level> {
    Some(match collection {
        Collection::Events => Level::Event,
        Collection::Links => Level::Link,
    })
}

fn level(reference: &Reference) -> Option<Level> {
    match reference {
        Reference::Attribute { level, .. } => *level,
        Reference::Field(field) => Some(field.level()),
    }
}
