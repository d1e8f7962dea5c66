//! The rules of a round, one by one, and where they lead.

use proptest::prelude::*;

use super::*;

const SETTLING: Duration = Duration::from_secs(10);
const GOAL: Goal =
    Goal { target: 1.0, tolerance: 0.3, buckets: 1, initial: 0.001, lowest: 1e-5, settling: SETTLING };

/// So many intervals after the beginning.
fn at_interval(number: u32) -> UnixNanos {
    UnixNanos(1_000_000_000).saturating_add(SETTLING * number)
}

fn seen(count: u64, probabilities: &[f64]) -> Throughput {
    let (service, operation) = ("shop".to_owned(), "buy".to_owned());
    let probabilities = probabilities.iter().map(|probability| text_of(*probability)).collect();
    Throughput { service, operation, count, probabilities }
}

/// The interval of that number, ten seconds.
fn bucket(number: u32, seen: Vec<Throughput>) -> Bucket {
    Bucket::of(at_interval(number), at_interval(number + 1), seen)
}

fn of<V>(value: V) -> OfOperations<V> {
    BTreeMap::from([("shop".to_owned(), BTreeMap::from([("buy".to_owned(), value)]))])
}

fn found(probability: f64, follows: bool, from: u32) -> OfOperations<Followed> {
    of(Followed { probability, follows, judged_from: at_interval(from) })
}

/// The next probability after `count` traces in 10 s sampled by `echoed`, while `issued` has long been in force.
fn after(count: u64, echoed: &[f64], issued: f64) -> f64 {
    let buckets = VecDeque::from([bucket(10, vec![seen(count, echoed)])]);
    let outcome = calculate(&GOAL, &buckets, &of(issued), &found(issued, true, 0), at_interval(20));
    outcome.probabilities["shop"]["buy"]
}

#[test]
fn too_many_falls_at_once_and_too_few_rises_twofold_at_most() {
    assert_eq!(after(100, &[0.5], 0.5), 0.05);
    assert_eq!(after(8, &[0.5], 0.5), 0.5, "within the tolerance");
    assert_eq!(after(1, &[0.1], 0.1), 0.2);
    assert_eq!(after(6, &[0.3], 0.3), 0.5, "less than twofold is enough");
    assert_eq!(after(0, &[0.1], 0.1), 0.2, "none at all");
    assert_eq!(after(0, &[0.8], 0.8), 1.0);
    assert_eq!(after(10_000_000, &[0.5], 0.5), GOAL.lowest);
}

#[test]
fn who_does_not_send_our_probability_back_is_left_alone() {
    assert_eq!(after(100, &[1.0], 0.5), 0.5);
    assert_eq!(after(100, &[1.0, 0.5], 0.5), 0.05, "some of its processes do");
    assert_eq!(
        after(100, &[1.0], GOAL.initial),
        GOAL.initial / 10.0,
        "a new one gets the benefit of the doubt"
    );
}

#[test]
fn a_probability_is_judged_by_traffic_of_clients_that_have_heard_of_it() {
    let next = |bucket_number: u32, from: u32| {
        let buckets = VecDeque::from([bucket(bucket_number, vec![seen(100, &[0.5, 1.0])])]);
        let outcome = calculate(&GOAL, &buckets, &of(0.5), &found(1.0, true, from), at_interval(20));
        (outcome.probabilities["shop"]["buy"], outcome.followed["shop"]["buy"].judged_from)
    };
    assert_eq!(next(4, 5), (0.5, at_interval(5)), "clients had not heard of it");
    assert_eq!(next(5, 5), (0.05, at_interval(20 + 1)), "and do not hear of the next one at once");
    let buckets = VecDeque::from([bucket(6, vec![seen(100, &[0.5])])]);
    let of_another_leader = calculate(&GOAL, &buckets, &of(0.5), &BTreeMap::new(), at_interval(20));
    assert_eq!(of_another_leader.probabilities, of(0.5), "nobody knows since when");
    assert_eq!(of_another_leader.followed["shop"]["buy"].judged_from, at_interval(21));
}

#[test]
fn the_first_bucket_of_an_operation_judges_nothing() {
    let buckets = VecDeque::from([bucket(6, vec![seen(100, &[GOAL.initial])])]);
    let first = calculate(&GOAL, &buckets, &BTreeMap::new(), &BTreeMap::new(), at_interval(20));
    assert_eq!(first.probabilities, of(GOAL.initial));
    let buckets = VecDeque::from([bucket(7, vec![seen(200, &[GOAL.initial])]), buckets[0].clone()]);
    let second = calculate(&GOAL, &buckets, &first.probabilities, &first.followed, at_interval(21));
    assert_eq!(second.probabilities, of(GOAL.initial / 20.0));
}

#[test]
fn an_operation_without_news_is_not_judged_twice_by_the_same_traffic() {
    let buckets = VecDeque::from([bucket(11, Vec::new()), bucket(10, vec![seen(100, &[0.5])])]);
    let next =
        |before| calculate(&GOAL, &buckets, &of(0.5), &before, at_interval(20)).probabilities["shop"]["buy"];
    assert_eq!(next(found(0.5, true, 0)), 0.05);
    assert_eq!(next(found(0.5, false, 0)), 0.5);
    assert_eq!(next(found(GOAL.initial, true, 0)), 0.5);
    assert_eq!(next(found(0.5, true, 11)), 0.5);
    let forgotten = VecDeque::from([bucket(11, Vec::new())]);
    let outcome = calculate(&GOAL, &forgotten, &of(0.5), &found(0.5, true, 0), at_interval(20));
    assert_eq!(outcome, Outcome::default());
}

#[test]
fn newer_buckets_weigh_more_by_the_fourth_power() {
    let goal = Goal { buckets: 3, ..GOAL };
    let buckets = [(13, 90), (12, 60), (11, 30), (10, 1_000)];
    let buckets = buckets.map(|(number, count)| bucket(number, vec![seen(count, &[0.5])]));
    let before = found(0.5, true, 0);
    let outcome = calculate(&goal, &VecDeque::from(buckets), &of(0.5), &before, at_interval(20));
    let expected = (9.0 * 81.0 + 6.0 * 16.0 + 3.0) / 98.0;
    assert!((outcome.rates["shop"]["buy"] - expected).abs() < 1e-9, "{outcome:?}");
    assert!((outcome.probabilities["shop"]["buy"] - 0.5 / expected).abs() < 1e-9, "{outcome:?}");
}

#[test]
fn what_several_collectors_saw_is_added_up() {
    let sum = bucket(1, vec![seen(3, &[0.5]), seen(4, &[0.25])]);
    let probabilities = BTreeSet::from(["0.250000".to_owned(), "0.500000".to_owned()]);
    let expected = Seen { count: 7, probabilities };
    assert_eq!((sum.rate(&expected), &sum.seen["shop"]["buy"]), (0.7, &expected));
}

proptest! {
    /// A service that follows, with any traffic.
    #[test]
    fn any_traffic_comes_to_the_target_or_to_a_bound(traffic in 0.0..1e6_f64, start in 1e-5..1.0_f64) {
        let mut probability = start;
        // Down is one step; up doubles: 17 steps from the lowest to 1.
        for _ in 0..18 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let count = (traffic * probability * 10_000.0) as u64;
            let bucket = Bucket::of(at_interval(10), at_interval(1_010), vec![seen(count, &[probability])]);
            let (buckets, before) = (VecDeque::from([bucket]), found(probability, true, 0));
            let outcome = calculate(&GOAL, &buckets, &of(probability), &before, at_interval(2_000));
            let next = outcome.probabilities["shop"]["buy"];
            prop_assert!((GOAL.lowest..=1.0).contains(&next) && next <= (probability * 2.0).max(GOAL.lowest));
            probability = next;
        }
        let rate = traffic * probability;
        let is_at_bound = probability >= 1.0 || probability <= GOAL.lowest;
        prop_assert!((rate - 1.0).abs() < 0.31 || is_at_bound, "{rate} {probability}");
    }
}
