//! What is there and what is wanted → the steps from one to the other.

use std::fmt;

use spoor_storage::{AliasChange, IndexAlias, IndexFamily};

use super::{Conditions, Unit};
use crate::Index;

/// What a family's series is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// What is in it.
    pub family: IndexFamily,
    /// `prod-jaeger-span`
    pub base: String,
    /// `prod-jaeger-span-read`
    pub read: String,
    /// `prod-jaeger-span-write`
    pub write: String,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// A template, an index and both aliases.
    Init {
        /// Whether the write alias names its index, as lifecycle policies need it.
        marks_write: bool,
    },
    /// Going on to the next index.
    RollOver(Conditions),
    /// Indices that were created earlier are not read any more.
    LookBack {
        /// What is counted.
        unit: Unit,
        /// How many.
        count: u32,
    },
}

/// Something to do. A round that is stopped in its midst is made good by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// New indices of the family are made rightly.
    InstallTemplate {
        /// Which.
        family: IndexFamily,
        /// Its name with the prefix.
        base: String,
    },
    /// The first index, with its aliases.
    Create {
        /// Its name.
        index: String,
        /// What leads to it.
        aliases: Vec<IndexAlias>,
    },
    /// Aliases get or lose indices.
    ChangeAliases(Vec<AliasChange>),
    /// On to the next index, if it is time.
    RollOver(RollOver),
}

/// Going on to the next index of a series: if it is time, the index is made, and once it can be searched and written to, both aliases
/// come to it in one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollOver {
    /// The alias that is written to.
    pub write_alias: String,
    /// Name of the index that it is to lead to.
    pub to: String,
    /// The index is there already: a round was stopped after it had made it.
    pub is_made: bool,
    /// What becomes of the aliases.
    pub changes: Vec<AliasChange>,
    /// A name that no index has, for the question whether it is time.
    pub unused: String,
    /// One of these must be met.
    pub conditions: Conditions,
}

/// Why nothing can be done about a series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Somebody wrote before there was an alias.
    #[error(
        "{0} is an index, where an alias has to be: stop what writes to it, copy or delete it, then run init again"
    )]
    Occupied(String),
    /// There is no write alias.
    #[error("there is no alias {0}: run init first")]
    NotBegun(String),
    /// The write alias does not say where writes go.
    #[error(
        "the alias {0} leads to several indices or none for writing: give one of them is_write_index=true"
    )]
    Unclear(String),
}

/// What is to be done, and what cannot be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// One for each series that no step is about.
    pub problems: Vec<Problem>,
}

impl Names {
    /// Of the family under this prefix, which gets a dash where it has none.
    #[must_use]
    pub fn new(prefix: &str, family: IndexFamily) -> Self {
        let dash = if prefix.is_empty() || prefix.ends_with('-') { "" } else { "-" };
        let base = format!("{prefix}{dash}{}", family.base());
        Self { family, read: format!("{base}-read"), write: format!("{base}-write"), base }
    }

    /// The number of an index of the series: six digits. Eight are a date.
    fn number(&self, index: &Index) -> Option<u32> {
        let digits = index.name.strip_prefix(&self.base)?.strip_prefix('-')?;
        let is_number = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    }

    fn index(&self, number: u32) -> String {
        format!("{}-{number:06}", self.base)
    }

    fn to_read(&self) -> IndexAlias {
        IndexAlias { name: self.read.clone(), is_write_index: None }
    }

    fn to_write(&self, marks_write: bool) -> IndexAlias {
        IndexAlias { name: self.write.clone(), is_write_index: marks_write.then_some(true) }
    }
}

/// The steps for all these series, of which one that cannot be helped does not keep the others. `indices` are all whose names begin
/// as theirs; `now` is in seconds of the epoch.
#[must_use]
pub fn plan(indices: &[Index], series: &[Names], task: &Task, now: i64) -> Plan {
    let mut plan = Plan::default();
    for names in series {
        let steps = match task {
            Task::Init { marks_write } => init(indices, names, *marks_write),
            Task::RollOver(conditions) => roll_over(indices, names, conditions),
            Task::LookBack { unit, count } => Ok(look_back(indices, names, unit.before(now, *count))),
        };
        match steps {
            Ok(steps) => plan.steps.extend(steps),
            Err(problem) => plan.problems.push(problem),
        }
    }
    plan
}

fn init(indices: &[Index], names: &Names, marks_write: bool) -> Result<Vec<Step>, Problem> {
    not_occupied(indices, names)?;
    let mut steps = vec![Step::InstallTemplate { family: names.family, base: names.base.clone() }];
    let mut series: Vec<&Index> = indices.iter().filter(|index| names.number(index).is_some()).collect();
    series.sort_unstable_by_key(|index| names.number(index));
    let (current, mut changes) = match written(indices, names)? {
        Some(current) => (current, Vec::new()),
        None => {
            let Some(newest) = series.last() else {
                let aliases = vec![names.to_read(), names.to_write(marks_write)];
                steps.push(Step::Create { index: names.index(1), aliases });
                return Ok(steps);
            };
            (*newest, vec![add(newest, names.to_write(marks_write))])
        }
    };
    if changes.is_empty() && marks_write && alias(current, &names.write) != Some(Some(true)) {
        changes.push(add(current, names.to_write(true)));
    }
    // An alias that leads nowhere was lost: all that is there belongs to it. Otherwise what is not behind it was taken out.
    let is_lost = indices.iter().all(|index| alias(index, &names.read).is_none());
    let unread =
        |index: &&&Index| alias(index, &names.read).is_none() && (is_lost || index.name == current.name);
    let with_current =
        series.iter().chain([&current].into_iter().filter(|_| names.number(current).is_none()));
    let reads: Vec<_> = with_current.filter(unread).map(|index| add(index, names.to_read())).collect();
    // Read before it is written, in one change.
    changes.splice(0..0, reads);
    if !changes.is_empty() {
        steps.push(Step::ChangeAliases(changes));
    }
    Ok(steps)
}

fn roll_over(indices: &[Index], names: &Names, conditions: &Conditions) -> Result<Vec<Step>, Problem> {
    not_occupied(indices, names)?;
    let current = written(indices, names)?.ok_or_else(|| Problem::NotBegun(names.write.clone()))?;
    let mut steps = Vec::new();
    if alias(current, &names.read).is_none() {
        steps.push(Step::ChangeAliases(vec![add(current, names.to_read())]));
    }
    let last = indices.iter().filter_map(|index| names.number(index)).max().unwrap_or(0);
    let unused = names.index(last + 1);
    // What a round has made that was stopped then: newer than what is written to, and nothing is in it or leads to it.
    let is_made = |index: &&Index| {
        names.number(index) == Some(last) && names.number(current) < Some(last) && is_untouched(index)
    };
    let made = indices.iter().find(is_made).map(|index| index.name.clone());
    let to = made.clone().unwrap_or_else(|| unused.clone());
    let marks_write = alias(current, &names.write) == Some(Some(true));
    let old = if marks_write {
        let no_more = IndexAlias { name: names.write.clone(), is_write_index: Some(false) };
        add(current, no_more)
    } else {
        AliasChange::Remove { index: current.name.clone(), alias: names.write.clone() }
    };
    let next = |alias: IndexAlias| AliasChange::Add { index: to.clone(), alias };
    let changes = vec![next(names.to_read()), old, next(names.to_write(marks_write))];
    let (write_alias, conditions) = (names.write.clone(), conditions.clone());
    steps.push(Step::RollOver(RollOver {
        write_alias,
        is_made: made.is_some(),
        changes,
        unused,
        conditions,
        to,
    }));
    Ok(steps)
}

/// A lifecycle's template gives the read alias to an index as it is made.
fn is_untouched(index: &Index) -> bool {
    index.is_empty
        && index.aliases.iter().all(|alias| alias.is_write.is_none() && alias.name.ends_with("-read"))
}

fn look_back(indices: &[Index], names: &Names, before: i64) -> Vec<Step> {
    let read: Vec<&Index> = indices.iter().filter(|index| alias(index, &names.read).is_some()).collect();
    // An alias that leads nowhere is none, and readers would not find it.
    let newest = read.iter().max_by_key(|index| (index.created, names.number(index)));
    let is_written = |index: &Index| matches!(alias(index, &names.write), Some(None | Some(true)));
    let old = read.iter().filter(|index| {
        index.created < before && !is_written(index) && newest.is_none_or(|newest| newest.name != index.name)
    });
    let changes: Vec<_> = old
        .map(|index| AliasChange::Remove { index: index.name.clone(), alias: names.read.clone() })
        .collect();
    if changes.is_empty() { Vec::new() } else { vec![Step::ChangeAliases(changes)] }
}

fn add(index: &Index, alias: IndexAlias) -> AliasChange {
    AliasChange::Add { index: index.name.clone(), alias }
}

/// What the index says of the alias, if it has it: whether it is the one for writing.
fn alias(index: &Index, name: &str) -> Option<Option<bool>> {
    index.aliases.iter().find(|alias| alias.name == name).map(|alias| alias.is_write)
}

fn not_occupied(indices: &[Index], names: &Names) -> Result<(), Problem> {
    match indices.iter().find(|index| [&names.read, &names.write].contains(&&index.name)) {
        Some(index) => Err(Problem::Occupied(index.name.clone())),
        None => Ok(()),
    }
}

/// Where writes go; nothing where there is no alias for them. By the store's rule: the index that says so, or the only one.
fn written<'i>(indices: &'i [Index], names: &Names) -> Result<Option<&'i Index>, Problem> {
    let behind: Vec<(&Index, Option<bool>)> =
        indices.iter().filter_map(|index| Some((index, alias(index, &names.write)?))).collect();
    match behind.as_slice() {
        [] => Ok(None),
        [(only, None | Some(true))] => Ok(Some(only)),
        several => match several.iter().find(|(_, is_write)| *is_write == Some(true)) {
            Some((index, _)) => Ok(Some(index)),
            None => Err(Problem::Unclear(names.write.clone())),
        },
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstallTemplate { base, .. } => write!(formatter, "install the template of {base}"),
            Self::Create { index, aliases } => {
                let aliases: Vec<&str> = aliases.iter().map(|alias| alias.name.as_str()).collect();
                write!(formatter, "create {index} behind {}", aliases.join(" and "))
            }
            Self::ChangeAliases(changes) => {
                let all: Vec<String> = changes.iter().map(change).collect();
                write!(formatter, "{}", all.join(", "))
            }
            Self::RollOver(RollOver { write_alias, to, conditions, .. }) => {
                write!(formatter, "roll {write_alias} over to {to}")?;
                if conditions.is_empty() {
                    Ok(())
                } else {
                    write!(formatter, " if one of {conditions} is met")
                }
            }
        }
    }
}

fn change(change: &AliasChange) -> String {
    match change {
        AliasChange::Add { index, alias: IndexAlias { name, is_write_index } } => match is_write_index {
            Some(true) => format!("write {name} to {index}"),
            Some(false) => format!("write no more under {name} to {index}"),
            None => format!("have {name} lead to {index}"),
        },
        AliasChange::Remove { index, alias } => format!("take {index} out of {alias}"),
    }
}

#[cfg(test)]
mod tests;
