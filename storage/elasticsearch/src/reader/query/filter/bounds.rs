//! What an index can tell of a condition: which documents certainly satisfy it, and which ones may.

use serde_json::{Value, json};

/// Two questions to the index that a condition lies between. Where they are the same one the index tells all of it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::reader) struct Bounds {
    /// Finds every document that satisfies the condition.
    pub(in crate::reader) most: Value,
    /// Finds none that does not.
    pub(in crate::reader) least: Value,
}

fn everything() -> Value {
    json!({ "match_all": {} })
}

fn nothing() -> Value {
    json!({ "match_none": {} })
}

/// Documents that satisfy one of the questions.
pub(super) fn any(questions: impl IntoIterator<Item = Value>) -> Value {
    let mut all: Vec<Value> = questions.into_iter().filter(|question| *question != nothing()).collect();
    if all.contains(&everything()) {
        return everything();
    }
    match all.len() {
        0 => nothing(),
        1 => all.remove(0),
        _ => json!({ "bool": { "should": all, "minimum_should_match": 1 } }),
    }
}

/// Documents that satisfy all of the questions.
pub(super) fn all(questions: impl IntoIterator<Item = Value>) -> Value {
    let mut all: Vec<Value> = questions.into_iter().filter(|question| *question != everything()).collect();
    if all.contains(&nothing()) {
        return nothing();
    }
    match all.len() {
        0 => everything(),
        1 => all.remove(0),
        _ => json!({ "bool": { "filter": all } }),
    }
}

/// Documents that do not satisfy the question.
pub(super) fn not(question: &Value) -> Value {
    if *question == everything() {
        nothing()
    } else if *question == nothing() {
        everything()
    } else {
        json!({ "bool": { "must_not": [question] } })
    }
}

impl Bounds {
    /// The index tells all of it.
    pub(super) fn exact(question: Value) -> Self {
        Self { most: question.clone(), least: question }
    }

    /// What is found certainly, and what else may be.
    pub(super) fn certain_or(least: Value, possible: Value) -> Self {
        Self { most: any([least.clone(), possible]), least }
    }

    /// All that may be, of which nothing is certain.
    pub(super) fn possible(most: Value) -> Self {
        Self { most, least: nothing() }
    }

    /// The index tells nothing.
    pub(super) fn unknown() -> Self {
        Self::possible(everything())
    }

    /// No document satisfies it.
    pub(super) fn never() -> Self {
        Self::exact(nothing())
    }

    pub(super) fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        let (most, least): (Vec<_>, Vec<_>) = conditions.into_iter().map(|one| (one.most, one.least)).unzip();
        Self { most: any(most), least: any(least) }
    }

    pub(super) fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        let (most, least): (Vec<_>, Vec<_>) = conditions.into_iter().map(|one| (one.most, one.least)).unzip();
        Self { most: all(most), least: all(least) }
    }

    pub(super) fn not(self) -> Self {
        Self { most: not(&self.least), least: not(&self.most) }
    }

    /// What is certain; nothing where nothing is.
    pub(in crate::reader) fn certain(&self) -> Option<&Value> {
        (self.least != nothing()).then_some(&self.least)
    }

    /// What has to be read to know; nothing where the index tells all.
    pub(in crate::reader) fn in_doubt(&self) -> Option<Value> {
        (self.most != self.least).then(|| all([self.most.clone(), not(&self.least)]))
    }
}
