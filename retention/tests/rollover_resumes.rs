//! A round that is stopped at any step, before or after the store has done it, is made good by the next; and at no time is there an
//! index that is written to and not read.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use spoor_model::UnixNanos;
use spoor_retention::rollover::{Names, Outcome, RolloverError, Task, Unit, roll};
use spoor_retention::{Asking, Family};
use spoor_storage::{
    AliasChange, IndexAdmin, IndexAlias, IndexSeries, Inventory, RecordError, RecordErrorKind,
    RequestContext, StoredIndex,
};

/// When the connection goes.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Before(usize),
    After(usize),
}

#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    templates: Vec<Family>,
    indices: Vec<StoredIndex>,
    /// A document each by which a condition is met.
    full: Vec<String>,
}

/// A store in memory by the rules of the real ones.
#[derive(Debug, Default)]
struct Store {
    state: Mutex<State>,
    changes: Mutex<(usize, Option<Stop>)>,
}

fn gone() -> RecordError {
    RecordError::new(RecordErrorKind::Unavailable, "change something", "the connection was closed")
}

impl Store {
    fn holding(state: State, stop: Option<Stop>) -> Self {
        Self { state: Mutex::new(state), changes: Mutex::new((0, stop)) }
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn changed<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T, RecordError> {
        let (number, stop) = {
            let mut changes = self.changes.lock().unwrap();
            changes.0 += 1;
            *changes
        };
        if matches!(stop, Some(Stop::Before(at)) if at == number) {
            return Err(gone());
        }
        let mut state = self.state.lock().unwrap();
        let result = change(&mut state);
        state.check();
        if matches!(stop, Some(Stop::After(at)) if at == number) { Err(gone()) } else { Ok(result) }
    }
}

impl State {
    fn get(&mut self, name: &str) -> &mut StoredIndex {
        self.indices.iter_mut().find(|index| index.name == name).unwrap()
    }

    /// What is written to is read.
    fn check(&self) {
        for index in &self.indices {
            let written =
                |alias: &IndexAlias| alias.name.ends_with("-write") && alias.is_write_index != Some(false);
            let is_read = index.aliases.iter().any(|alias| alias.name.ends_with("-read"));
            assert!(is_read || !index.aliases.iter().any(written), "{index:?} is written to and not read");
        }
    }

    fn create(&mut self, name: &str, aliases: Vec<IndexAlias>) {
        assert!(self.indices.iter().all(|index| index.name != name), "{name} is there already");
        let created = UnixNanos(1_000_000_000 * (self.indices.len() as u64 + 1));
        let name = name.to_owned();
        self.indices.push(StoredIndex { name, created, bytes: None, documents: Some(0), aliases });
    }
}

#[async_trait]
impl IndexAdmin for Store {
    async fn inventory(&self, _: &RequestContext, _: &[String]) -> Result<Inventory, RecordError> {
        Ok(Inventory { indices: self.state().indices, now: Some(UnixNanos(100_000_000_000)) })
    }

    async fn delete(&self, _: &RequestContext, names: &[String]) -> Result<(), RecordError> {
        panic!("{names:?} would be deleted");
    }
}

#[async_trait]
impl IndexSeries for Store {
    async fn install_template(&self, _: &RequestContext, family: Family) -> Result<(), RecordError> {
        self.changed(|state| {
            if !state.templates.contains(&family) {
                state.templates.push(family);
            }
        })
    }

    async fn create_index(
        &self,
        _: &RequestContext,
        name: &str,
        aliases: &[IndexAlias],
    ) -> Result<(), RecordError> {
        self.changed(|state| state.create(name, aliases.to_vec()))
    }

    async fn change_aliases(&self, _: &RequestContext, changes: &[AliasChange]) -> Result<(), RecordError> {
        self.changed(|state| {
            for change in changes {
                match change {
                    AliasChange::Add { index, alias } => {
                        let index = state.get(index);
                        index.aliases.retain(|other| other.name != alias.name);
                        index.aliases.push(alias.clone());
                    }
                    AliasChange::Remove { index, alias } => {
                        let index = state.get(index);
                        assert!(index.aliases.iter().any(|other| other.name == *alias));
                        index.aliases.retain(|other| other.name != *alias);
                    }
                }
            }
        })
    }

    async fn await_index(&self, _: &RequestContext, name: &str) -> Result<(), RecordError> {
        self.changed(|state| assert!(state.indices.iter().any(|index| index.name == name)))
    }

    async fn is_due(
        &self,
        _: &RequestContext,
        write_alias: &str,
        next: &str,
        conditions: &str,
    ) -> Result<bool, RecordError> {
        self.changed(|state| {
            assert!(state.indices.iter().all(|index| index.name != next), "{next} is there");
            let writes =
                |alias: &IndexAlias| alias.name == write_alias && alias.is_write_index != Some(false);
            let current = state.indices.iter().find(|index| index.aliases.iter().any(writes)).unwrap();
            conditions == "{}" || state.full.contains(&current.name)
        })
    }
}

fn series() -> Vec<Names> {
    [Family::Span, Family::Service, Family::Dependencies].map(|family| Names::new("prod", family)).into()
}

async fn round(store: &Store, task: &Task, dry_run: bool) -> Result<Vec<Outcome>, RolloverError> {
    let asking = Asking {
        holder: "this",
        now: 0,
        dry_run,
        timeout: Duration::from_secs(1),
        lease: Duration::from_millis(200),
    };
    let taken = roll(store, None, ("prod", &series()), task, asking).await?;
    Ok(taken.iter().map(|taken| taken.outcome).collect())
}

/// The state after the task, which is the same wherever a first round is stopped, and which a further round does not change.
async fn whatever_happens(from: &State, task: &Task) -> State {
    let store = Store::holding(from.clone(), None);
    round(&store, task, false).await.unwrap();
    let end = store.state();
    let requests = store.changes.lock().unwrap().0;
    assert!(requests > 0);
    for stop in (1..=requests).flat_map(|number| [Stop::Before(number), Stop::After(number)]) {
        let store = Store::holding(from.clone(), Some(stop));
        let error = round(&store, task, false).await.unwrap_err();
        assert!(error.to_string().contains("it goes on from here"), "{error}");
        round(&store, task, false).await.unwrap();
        assert_eq!(store.state(), end, "{task:?} stopped {stop:?}");
    }
    round(&store, task, false).await.unwrap();
    assert_eq!(store.state(), end, "once more is as once");
    end
}

#[tokio::test]
async fn a_round_that_is_stopped_anywhere_is_made_good_by_the_next() {
    for marks_write in [false, true] {
        let mut state = whatever_happens(&State::default(), &Task::Init { marks_write }).await;
        assert_eq!((state.templates.len(), state.indices.len()), (3, 3));
        // An index of each is full; the one that comes next is not.
        let roll_over = Task::RollOver(r#"{"max_docs": 5}"#.parse().unwrap());
        state.full = state.indices.iter().map(|index| index.name.clone()).collect();
        let state = whatever_happens(&state, &roll_over).await;
        assert_eq!(state.indices.len(), 6);
        assert_eq!(state.indices[3].name, "prod-jaeger-span-000002");
        let state = whatever_happens(&state, &Task::LookBack { unit: Unit::Seconds, count: 1 }).await;
        let read = state
            .indices
            .iter()
            .filter(|index| index.aliases.iter().any(|alias| alias.name.ends_with("-read")));
        assert_eq!(read.count(), 3);
    }
}

#[tokio::test]
async fn aliases_that_were_lost_come_back_wherever_it_is_stopped() {
    let mut state = State::default();
    for name in ["prod-jaeger-span-000001", "prod-jaeger-span-000002", "prod-jaeger-service-000009"] {
        state.create(name, Vec::new());
    }
    let state = whatever_happens(&state, &Task::Init { marks_write: true }).await;
    let aliases: Vec<usize> = state.indices.iter().map(|index| index.aliases.len()).collect();
    assert_eq!(aliases, [1, 2, 2, 2]);
}

#[tokio::test]
async fn who_only_looks_changes_nothing() {
    let store = Store::default();
    let looked = round(&store, &Task::Init { marks_write: false }, true).await.unwrap();
    assert_eq!(looked, [Outcome::Planned; 6]);
    assert_eq!(store.state(), State::default());
}

#[tokio::test]
async fn what_is_wrong_with_one_series_is_said_after_the_others_are_done() {
    let mut state = State::default();
    let behind = ["prod-jaeger-span-read", "prod-jaeger-span-write"];
    let behind = behind.map(|name| IndexAlias { name: name.to_owned(), is_write_index: None });
    state.create("prod-jaeger-span-000001", behind.into());
    state.full = vec!["prod-jaeger-span-000001".to_owned()];
    let store = Store::holding(state, None);
    let error = round(&store, &Task::RollOver("".parse().unwrap()), false).await.unwrap_err().to_string();
    assert!(error.contains("there is no alias prod-jaeger-service-write: run init first"), "{error}");
    assert!(error.contains("done for others: roll prod-jaeger-span-write over"), "{error}");
    assert_eq!(store.state().indices.len(), 2);
}
