//! The plan: which indices go, which stay, and why.

use std::collections::BTreeMap;

use spoor_storage::IndexFamily as Family;

use crate::name::{Naming, Series, read};

/// An alias of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Its name.
    pub name: String,
    /// `is_write_index`, where the store says it.
    pub is_write: Option<bool>,
}

/// What the store says of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// `index.creation_date`, in seconds of the epoch.
    pub created: i64,
    /// Bytes of its primary shards.
    pub bytes: u64,
    /// The store tells that no document is in it.
    pub is_empty: bool,
    /// What leads to it.
    pub aliases: Vec<Alias>,
}

/// What the age of a dated index is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AgeFrom {
    /// The moment it was made, as Jaeger's cleaner. Copies count from their names: they are younger than what is in them.
    Creation,
    /// The end of the period in its name, as Curator.
    Name,
}

/// What is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Before the names of all indices; stands for itself.
    pub prefix: String,
    /// Between the parts of a date; stands for itself.
    pub separator: String,
    /// Which names are looked at.
    pub naming: Naming,
    /// What age is counted from.
    pub age_from: AgeFrom,
    /// Older indices go, in seconds.
    pub max_age: Option<i64>,
    /// The oldest go until a family has at most this many bytes.
    pub max_bytes: Option<u64>,
    /// The oldest go until a family has at most this many indices.
    pub max_count: Option<usize>,
    /// Whatever the clock says, what is no older than this, in seconds, than the newest of its family stays.
    pub keep_at_least: i64,
    /// Aliases that are written to, beside Jaeger's own names.
    pub write_aliases: Vec<String>,
}

/// What becomes of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The index.
    pub name: String,
    /// What it holds.
    pub family: Family,
    /// Whether it goes.
    pub delete: bool,
    /// Why it goes or stays.
    pub reason: &'static str,
}

struct Candidate<'a> {
    index: &'a Index,
    series: Series,
    /// Seconds of the epoch that its age is counted from.
    since: i64,
}

/// Decides about every index that the policy's names mean, `now` in seconds of the epoch; by family, the newest first. Others are
/// not mentioned. The order of `indices` does not matter.
#[must_use]
pub fn plan(indices: &[Index], policy: &Policy, now: i64) -> Vec<Decision> {
    let mut families: BTreeMap<Family, Vec<Candidate<'_>>> = BTreeMap::new();
    for index in indices {
        let found = read(&index.name, &policy.prefix, &policy.separator, policy.naming);
        let Some((family, series)) = found else { continue };
        let since = match series {
            Series::Period { end, is_copy, .. } if is_copy || policy.age_from == AgeFrom::Name => end,
            Series::Period { .. } | Series::Number(_) => index.created,
        };
        families.entry(family).or_default().push(Candidate { index, series, since });
    }
    families.into_iter().flat_map(|(family, of_it)| of_family(family, of_it, policy, now)).collect()
}

fn of_family(family: Family, mut of_it: Vec<Candidate<'_>>, policy: &Policy, now: i64) -> Vec<Decision> {
    of_it.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| b.index.name.cmp(&a.index.name)));
    // A date ahead of the clock is a client's wrong clock: it must not move the floor.
    let newest = of_it.iter().map(|one| one.since).find(|&since| since <= now).unwrap_or(now);
    let last_number = of_it.iter().filter_map(|one| number(one.series)).max();
    let (mut kept, mut bytes) = (0_usize, 0_u64);
    let mut decide = |one: &Candidate<'_>| {
        let with = bytes.saturating_add(one.index.bytes);
        let (delete, reason) = if is_written(one, policy, last_number, now) {
            (false, "it is being written to")
        } else if one.since >= newest.saturating_sub(policy.keep_at_least) && policy.keep_at_least > 0 {
            (false, "it is within what is kept at least")
        } else if policy.max_age.is_some_and(|age| one.since < now.saturating_sub(age)) {
            (true, "it is older than what is kept")
        } else if policy.max_count.is_some_and(|count| kept >= count) {
            (true, "there are as many newer indices as are kept")
        } else if policy.max_bytes.is_some_and(|most| with > most) {
            (true, "newer indices and this one have more bytes than are kept")
        } else {
            (false, "nothing asks for it to go")
        };
        // Once the bytes are full, a small older index does not slip in.
        bytes = if delete && policy.max_bytes.is_none_or(|most| with <= most) { bytes } else { with };
        kept += usize::from(!delete);
        Decision { name: one.index.name.clone(), family, delete, reason }
    };
    of_it.iter().map(&mut decide).collect()
}

fn number(series: Series) -> Option<u32> {
    match series {
        Series::Number(number) => Some(number),
        Series::Period { .. } => None,
    }
}

/// The newest of a rollover series counts as written to, whatever aliases say: between two steps of a rollover it has none.
fn is_written(one: &Candidate<'_>, policy: &Policy, last_number: Option<u32>, now: i64) -> bool {
    let by_alias = one.index.aliases.iter().any(|alias| match alias.is_write {
        Some(is_write) => is_write,
        None => alias.name.ends_with("-write") || policy.write_aliases.contains(&alias.name),
    });
    by_alias
        || match one.series {
            Series::Number(number) => Some(number) == last_number,
            Series::Period { start, end, is_copy } => !is_copy && start <= now && now < end,
        }
}
