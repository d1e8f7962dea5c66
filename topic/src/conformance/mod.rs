//! The contract of a topic as tests: one public function a claim, run against every implementation.
//! An implementation brings a function that makes a fresh topic ([`Fixture`]) and writes one line,
//! `spoor_topic::conformance_tests!(fresh_topic);`, which gives it one test a claim, named as the claim; whoever can look at it from
//! outside adds `spoor_topic::browser_conformance_tests!(fresh_topic);`.

pub mod bounding;
pub mod browsing;
pub mod reading;
pub mod settling;
pub mod sharing;
pub mod writing;

mod steps;

use std::time::Duration;

use async_trait::async_trait;

use crate::{Bounds, Place, Start, TopicBrowser, TopicReader, TopicWriter};

pub use steps::{Seen, alike, give_back, keyed, read, settle, soon, unkeyed, until, write_all};

/// How a claim wants a reader to be.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its group, unique in the fixture.
    pub group: &'static str,
    /// Where a new group begins.
    pub start: Start,
    /// What it may have in its hands.
    pub bounds: Bounds,
    /// How long a partition waits for records in flight before it goes.
    pub release_timeout: Duration,
}

impl Wish {
    /// From the earliest record on, with the default bounds, and more time to release than a claim takes.
    #[must_use]
    pub fn of(group: &'static str) -> Self {
        Self {
            group,
            start: Start::Earliest,
            bounds: Bounds::default(),
            release_timeout: Duration::from_secs(120),
        }
    }
}

/// A topic of three partitions that nobody else uses, empty at first, whose records have at most 100,000 bytes.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The door in.
    async fn writer(&self) -> Box<dyn TopicWriter>;

    /// A new member of a group.
    async fn reader(&self, wish: Wish) -> Box<dyn TopicReader>;

    /// What a group has committed in a partition, as the topic knows it.
    async fn committed(&self, group: &str, partition: i32) -> Option<i64>;

    /// Raises the number of partitions to so many.
    async fn raise_partitions(&self, count: usize);

    /// Leaves an offset without a record at the end of a partition.
    async fn leave_gap(&self, partition: i32);

    /// Takes the records before this place away, as retention does.
    async fn trim(&self, place: Place);
}

/// A topic that can be looked at from outside, too.
#[async_trait]
pub trait BrowserFixture: Fixture {
    /// Looks at it; where that takes a group, it names the one of [`Wish::of`]`("watched")`.
    async fn browser(&self) -> Box<dyn TopicBrowser>;
}

/// Writes one test for each claim of the contract. `$fresh` is an async function without arguments that makes a
/// [`Fixture`](crate::conformance::Fixture); every test calls it once.
#[macro_export]
macro_rules! conformance_tests {
    ($fresh:expr) => {
        $crate::conformance_tests! { @claims $fresh;
            writing::every_record_is_confirmed_at_a_place_of_its_own,
            writing::records_of_a_key_are_where_jaeger_puts_them_in_order,
            writing::a_record_over_the_limit_is_refused_and_the_others_are_written,
            writing::writing_nothing_is_answered_with_nothing,
            writing::a_write_past_its_deadline_says_so,
            writing::many_writers_at_once_lose_nothing,
            reading::contents_come_back_whole,
            reading::a_new_group_begins_where_it_is_told,
            reading::groups_read_apart_from_each_other,
            reading::a_closed_reader_tells_nothing_more,
            reading::what_retention_took_is_counted_and_reading_goes_on,
            settling::what_is_settled_is_not_read_again,
            settling::what_is_settled_is_committed_soon,
            settling::commits_never_pass_an_unsettled_record,
            settling::settling_in_any_order_commits_all,
            settling::what_was_given_back_comes_again,
            settling::what_was_given_back_at_the_end_is_read_by_the_next,
            settling::offsets_without_records_hold_nothing_back,
            settling::what_was_given_back_and_is_gone_holds_nothing_back,
            settling::strange_settlings_change_nothing,
            bounding::no_more_records_than_allowed_are_in_flight,
            bounding::the_end_moves_on_while_there_is_no_room,
            bounding::no_more_bytes_than_allowed_are_in_flight,
            bounding::a_partition_whose_records_stay_open_leaves_room_for_the_others,
            bounding::a_paused_partition_rests_and_the_others_do_not,
            sharing::two_members_share_the_partitions,
            sharing::a_partition_waits_for_what_is_in_flight_before_it_goes,
            sharing::a_partition_does_not_wait_forever,
            sharing::what_is_settled_late_changes_nothing,
            sharing::the_partitions_of_a_closed_member_go_to_the_others,
            sharing::new_partitions_are_written_and_read,
        }
    };
    (@claims $fresh:expr; $($room:ident::$claim:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $claim() {
            let topic = ($fresh)().await;
            $crate::conformance::in_time($crate::conformance::$room::$claim(&topic)).await;
        }
    )+};
}

/// The same for the claims about looking at a topic: `$fresh` makes a
/// [`BrowserFixture`](crate::conformance::BrowserFixture).
#[macro_export]
macro_rules! browser_conformance_tests {
    ($fresh:expr) => {
        $crate::conformance_tests! { @claims $fresh;
            browsing::a_page_brings_contents_whole,
            browsing::extents_tell_where_each_partition_begins_and_ends,
            browsing::pages_follow_one_another,
            browsing::a_page_begins_at_the_oldest_record,
            browsing::the_end_is_told,
            browsing::a_partition_that_is_not_there_is_an_error,
            browsing::looking_past_the_deadline_is_an_error,
            browsing::browsing_changes_nothing_for_a_group_that_reads,
        }
    };
}

/// How long one claim may take. Generous: brokers on a loaded machine are slow, not wrong; only a hang ends here.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(180);

/// Runs a claim.
///
/// # Panics
/// When the claim does not hold or does not end.
pub async fn in_time(claim: impl Future<Output = ()>) {
    assert!(tokio::time::timeout(CLAIM_TIMEOUT, claim).await.is_ok(), "no end after {CLAIM_TIMEOUT:?}");
}
