//! A lifecycle policy that does in the store what [`crate::rollover`] and [`crate::clean`] do from outside: looked at, or brought to what is wanted.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;
use spoor_storage::{Difference, LifecyclePolicies, LifecycleRules, RecordError, RequestContext};

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Nothing: it is only looked at.
    Look,
    /// What Spoor wrote may be replaced.
    Write,
    /// Whatever is there may be replaced.
    Force,
}

/// What was found and done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is as it is wanted.
    Same,
    /// There is none.
    Missing,
    /// It is another.
    Differs(Vec<Difference>),
    /// It was written, where none was.
    Created,
    /// It was written in the place of one that differed so.
    Replaced(Vec<Difference>),
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Somebody wants it so.
    #[error(
        "the lifecycle policy {name} is there, differs, and does not say that Spoor wrote it ({places}): look at it with --check, take another \
         --es.ilm-policy-name, or replace it with --force"
    )]
    Foreign {
        /// Its name.
        name: String,
        /// Where it differs.
        places: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RecordError),
}

/// Compares the policy of that name with the rules, and writes it where it is not there or differs and the wish allows it. Twice is as once.
///
/// # Errors
/// [`PolicyError`]; nothing was written then, or the store does not say so.
pub async fn settle(
    store: &dyn LifecyclePolicies,
    (name, rules): (&str, &LifecycleRules),
    wish: Wish,
    timeout: Duration,
) -> Result<Settled, PolicyError> {
    let context = || RequestContext::with_timeout(timeout);
    let found = store.find_policy(&context(), name, rules).await?;
    let settled = match &found {
        None if wish == Wish::Look => return Ok(Settled::Missing),
        None => Settled::Created,
        Some(found) if found.differences.is_empty() => return Ok(Settled::Same),
        Some(found) if wish == Wish::Look => return Ok(Settled::Differs(found.differences.clone())),
        Some(found) if found.is_ours || wish == Wish::Force => Settled::Replaced(found.differences.clone()),
        Some(found) => {
            let places: Vec<&str> = found.differences.iter().map(|one| one.place.as_str()).collect();
            return Err(PolicyError::Foreign { name: name.to_owned(), places: places.join(", ") });
        }
    };
    store.write_policy(&context(), name, rules, found.as_ref()).await?;
    Ok(settled)
}

impl Settled {
    fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Missing => "missing",
            Self::Differs(_) => "differs",
            Self::Created => "created",
            Self::Replaced(_) => "replaced",
        }
    }

    fn differences(&self) -> &[Difference] {
        match self {
            Self::Differs(differences) | Self::Replaced(differences) => differences,
            Self::Same | Self::Missing | Self::Created => &[],
        }
    }

    /// For people: a line that says what was found, and one for each difference.
    #[must_use]
    pub fn as_table(&self, name: &str) -> String {
        let what = match self {
            Self::Same => "is as it is wanted",
            Self::Missing => "is not there",
            Self::Differs(_) => "is not as it is wanted",
            Self::Created => "was written",
            Self::Replaced(_) => "was written in the place of another",
        };
        let mut out = format!("the lifecycle policy {name} {what}\n");
        for Difference { place, is, wanted } in self.differences() {
            let or_nothing = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{place}: {}, wanted: {}", or_nothing(is), or_nothing(wanted));
        }
        out
    }

    /// One JSON object: `policy`, `state` (same, missing, differs, created, replaced) and `differences`, each with `place`, `is` and `wanted` as JSON
    /// texts, null where there is nothing.
    #[must_use]
    pub fn as_json(&self, name: &str) -> String {
        let difference = |one: &Difference| json!({ "place": one.place, "is": one.is, "wanted": one.wanted });
        let differences: Vec<_> = self.differences().iter().map(difference).collect();
        let report = json!({ "policy": name, "state": self.word(), "differences": differences });
        format!("{report}\n")
    }
}
