//! The contracts of the doors beside spans: dependencies, sampling, locks. A backend brings a function that opens a fresh, empty
//! store ([`RecordsFixture`]) and writes `spoor_storage::record_conformance_tests!(fresh_store);`.

pub mod dependencies;
pub mod locks;
pub mod sampling;

use async_trait::async_trait;

use crate::{DependencyStore, LeaseLock, SamplingStore};

/// A store that nobody else writes to, empty at first.
#[async_trait]
pub trait RecordsFixture: Send + Sync {
    /// Who calls whom.
    fn dependencies(&self) -> &dyn DependencyStore;

    /// What adaptive sampling remembers.
    fn sampling(&self) -> &dyn SamplingStore;

    /// Who leads.
    fn locks(&self) -> &dyn LeaseLock;

    /// The same locks as another process has them: a store of its own over the same data.
    fn other_locks(&self) -> &dyn LeaseLock;

    /// Makes what was written visible to readers. Nothing by default.
    async fn settle(&self) {}
}

/// Writes one test for each claim of the contracts. `$fresh` is an async function without arguments that opens a
/// [`RecordsFixture`](crate::conformance::records::RecordsFixture); every test calls it once.
#[macro_export]
macro_rules! record_conformance_tests {
    ($fresh:expr) => {
        $crate::record_conformance_tests! { @claims $fresh;
            dependencies::an_empty_store_knows_no_calls,
            dependencies::what_was_reported_is_read_with_its_source,
            dependencies::a_report_written_again_takes_the_place_of_the_first,
            dependencies::days_add_up_and_sources_stay_apart,
            dependencies::the_range_of_days_is_inclusive_at_both_ends,
            dependencies::calls_named_twice_in_a_report_add_up,
            dependencies::dependencies_past_a_deadline_are_an_error,
            sampling::nothing_is_remembered_at_first,
            sampling::throughput_comes_back_in_the_order_of_moments,
            sampling::throughput_written_again_counts_once,
            sampling::the_latest_moment_tells_the_probabilities,
            sampling::thousands_of_operations_with_any_names_are_kept,
            sampling::sampling_past_a_deadline_is_an_error,
            locks::one_holds_a_lock,
            locks::locks_of_other_names_are_other_locks,
            locks::a_holder_that_renews_keeps_it,
            locks::a_released_lock_is_free_at_once,
            locks::only_the_holder_releases,
            locks::the_lock_of_the_dead_moves_on_after_their_lease,
            locks::of_many_askers_one_gets_it,
        }
    };
    (@claims $fresh:expr; $($room:ident::$claim:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $claim() {
            let store = ($fresh)().await;
            $crate::conformance::in_time($crate::conformance::records::$room::$claim(&store)).await;
        }
    )+};
}
