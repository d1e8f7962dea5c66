//! A lifecycle policy is brought to what is wanted, once, and nobody else's is touched.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use spoor_retention::policy::{PolicyError, Settled, Wish, settle};
use spoor_storage::{
    Difference, FoundPolicy, LifecyclePolicies, LifecycleRules, RecordError, RequestContext,
};

/// Has this policy, until one is written.
struct Store {
    found: Mutex<Option<FoundPolicy>>,
    written: Mutex<u32>,
}

impl Store {
    fn with(found: Option<FoundPolicy>) -> Self {
        Self { found: Mutex::new(found), written: Mutex::default() }
    }

    async fn settle(&self, wish: Wish) -> Result<Settled, PolicyError> {
        let rules = LifecycleRules {
            prefix: String::new(),
            roll_over: r#"{"max_age":"2d"}"#.to_owned(),
            keeps_days: 14,
        };
        settle(self, ("p", &rules), wish, Duration::from_secs(5)).await
    }
}

#[async_trait]
impl LifecyclePolicies for Store {
    async fn find_policy(
        &self,
        _: &RequestContext,
        _: &str,
        _: &LifecycleRules,
    ) -> Result<Option<FoundPolicy>, RecordError> {
        Ok(self.found.lock().unwrap().clone())
    }

    async fn write_policy(
        &self,
        _: &RequestContext,
        _: &str,
        _: &LifecycleRules,
        found: Option<&FoundPolicy>,
    ) -> Result<(), RecordError> {
        assert_eq!(found, self.found.lock().unwrap().as_ref());
        *self.written.lock().unwrap() += 1;
        *self.found.lock().unwrap() =
            Some(FoundPolicy { is_ours: true, differences: Vec::new(), version: None });
        Ok(())
    }
}

fn differing(is_ours: bool) -> Option<FoundPolicy> {
    Some(FoundPolicy { is_ours, differences: vec![difference()], version: Some((1, 1)) })
}

fn difference() -> Difference {
    Difference { place: "phases.warm".to_owned(), is: Some("{}".to_owned()), wanted: None }
}

#[tokio::test]
async fn a_policy_is_written_once() {
    let store = Store::with(None);
    assert_eq!(store.settle(Wish::Write).await.unwrap(), Settled::Created);
    assert_eq!(store.settle(Wish::Write).await.unwrap(), Settled::Same);
    assert_eq!(store.settle(Wish::Force).await.unwrap(), Settled::Same);
    assert_eq!(*store.written.lock().unwrap(), 1);
}

#[tokio::test]
async fn what_differs_is_replaced_where_it_is_ours_or_where_it_is_forced() {
    let replaced = Settled::Replaced(vec![difference()]);
    assert_eq!(Store::with(differing(true)).settle(Wish::Write).await.unwrap(), replaced);
    assert_eq!(Store::with(differing(false)).settle(Wish::Force).await.unwrap(), replaced);
    let store = Store::with(differing(false));
    let error = store.settle(Wish::Write).await.unwrap_err().to_string();
    assert!(error.contains("phases.warm") && error.contains("--force"), "{error}");
    assert_eq!(*store.written.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_look_writes_nothing_and_tells_each_difference() {
    let (store, none) = (Store::with(differing(true)), Store::with(None));
    let settled = store.settle(Wish::Look).await.unwrap();
    assert_eq!(settled, Settled::Differs(vec![difference()]));
    assert_eq!(none.settle(Wish::Look).await.unwrap(), Settled::Missing);
    assert_eq!((*store.written.lock().unwrap(), *none.written.lock().unwrap()), (0, 0));
    assert!(settled.as_table("p").contains("phases.warm: {}, wanted: nothing\n"));
    let told: serde_json::Value = serde_json::from_str(&settled.as_json("p")).unwrap();
    let expected = serde_json::json!({"policy": "p", "state": "differs", "differences": [
        {"place": "phases.warm", "is": "{}", "wanted": null},
    ]});
    assert_eq!(told, expected);
}
