use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What happens to a ledger. Numbers pick among what there is to pick from.
#[derive(Debug, Clone)]
enum Step {
    /// The next record, that many offsets behind the last one.
    Take {
        gap: i64,
    },
    Settle(usize),
    GiveBack(usize),
    /// The reader goes back to what was given back and reads everything from there again.
    ReadAgain,
    PassBy {
        gap: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = || prop_oneof![4 => Just(0_i64), 1 => 1..1_000_i64];
    let step = prop_oneof![
        6 => gap().prop_map(|gap| Step::Take { gap }),
        5 => any::<usize>().prop_map(Step::Settle),
        1 => any::<usize>().prop_map(Step::GiveBack),
        1 => Just(Step::ReadAgain),
        1 => gap().prop_map(|gap| Step::PassBy { gap }),
    ];
    vec(step, 0..400)
}

/// The same account, kept the slow and obvious way: every record there ever was.
#[derive(Default)]
struct Plain {
    records: BTreeMap<i64, State>,
    position: i64,
}

impl Plain {
    fn pick(&self, number: usize) -> Option<i64> {
        (!self.records.is_empty())
            .then(|| *self.records.keys().nth(number % self.records.len()).expect("within the count"))
    }

    fn unsettled(&self) -> impl Iterator<Item = i64> {
        self.records.iter().filter(|(_, state)| **state != State::Settled).map(|(offset, _)| *offset)
    }

    fn settle(&mut self, offset: i64, into: State) -> bool {
        let state = self.records.get_mut(&offset).expect("picked from what is there");
        let was_in_flight = *state == State::InFlight;
        if was_in_flight {
            *state = into;
        }
        was_in_flight
    }
}

fn apply(step: &Step, ledger: &mut Ledger, plain: &mut Plain) {
    match *step {
        Step::Take { gap } => {
            let offset = plain.position + gap;
            assert!(ledger.take(offset, 10, offset), "a new record is delivered");
            plain.records.insert(offset, State::InFlight);
            plain.position = offset + 1;
        }
        Step::Settle(number) => {
            if let Some(offset) = plain.pick(number) {
                assert_eq!(ledger.settle(offset), plain.settle(offset, State::Settled));
            }
        }
        Step::GiveBack(number) => {
            if let Some(offset) = plain.pick(number) {
                assert_eq!(ledger.give_back(offset), plain.settle(offset, State::GivenBack));
            }
        }
        Step::ReadAgain => {
            let Some(from) = ledger.first_given_back() else { return };
            for (&offset, state) in plain.records.range_mut(from..) {
                let again = *state == State::GivenBack;
                assert_eq!(ledger.take(offset, 10, offset), again, "only what was given back comes again");
                if again {
                    *state = State::InFlight;
                }
            }
        }
        Step::PassBy { gap } => {
            plain.position += gap;
            ledger.pass_to(plain.position);
        }
    }
}

proptest! {
    #[test]
    fn commits_up_to_the_lowest_unsettled_record_and_never_past_it(steps in steps()) {
        let (mut ledger, mut plain) = (Ledger { swept_from: 8, ..Ledger::new(0) }, Plain::default());
        let mut committed = 0;
        for step in &steps {
            apply(step, &mut ledger, &mut plain);
            let expected = plain.unsettled().next().unwrap_or(plain.position);
            prop_assert_eq!(ledger.committable(), expected);
            prop_assert!(expected >= committed, "commits never go back");
            committed = expected;
            let in_flight = plain.records.values().filter(|state| **state == State::InFlight).count();
            prop_assert_eq!((ledger.in_flight(), ledger.in_flight_bytes()), (in_flight, 10 * in_flight));
            prop_assert_eq!(ledger.oldest_unsettled(), plain.unsettled().next());
            let given_back = plain.records.iter().find(|(_, state)| **state == State::GivenBack);
            prop_assert_eq!(ledger.first_given_back(), given_back.map(|(offset, _)| *offset));
            let unsettled = plain.unsettled().count();
            prop_assert!((unsettled..=2 * unsettled + 9).contains(&ledger.len()), "{} of {unsettled}", ledger.len());
        }
    }

    #[test]
    fn when_all_is_settled_in_whatever_order_all_is_committable(
        order in Just((0..500_i64).map(|number| number * 3).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let mut ledger = Ledger::new(0);
        for number in 0..500 {
            ledger.take(number * 3, 1, 0);
        }
        for offset in order {
            prop_assert!(ledger.settle(offset));
        }
        prop_assert_eq!((ledger.committable(), ledger.len(), ledger.in_flight()), (1_498, 0, 0));
    }
}

#[test]
fn gaps_hold_nothing_back() {
    let mut ledger = Ledger::new(5);
    assert!(ledger.take(1_000_000, 1, 0) && ledger.take(9_000_000_000, 1, 0));
    ledger.settle(1_000_000);
    assert_eq!((ledger.committable(), ledger.len()), (9_000_000_000, 1));
    ledger.settle(9_000_000_000);
    ledger.pass_to(9_000_000_003);
    assert_eq!(ledger.committable(), 9_000_000_003, "what lies behind the last record is no record");
}

#[test]
fn what_was_given_back_and_is_gone_from_the_topic_holds_nothing_back() {
    let mut ledger = Ledger::new(0);
    for offset in 0..4 {
        ledger.take(offset, 1, 0);
    }
    assert!(ledger.give_back(0) && ledger.give_back(1) && ledger.settle(2));
    ledger.pass_by(0, 1);
    assert_eq!(
        (ledger.committable(), ledger.first_given_back()),
        (1, Some(1)),
        "only what was passed by is gone"
    );
    ledger.pass_by(1, 3);
    assert_eq!((ledger.committable(), ledger.first_given_back(), ledger.in_flight()), (3, None, 1));
}

#[test]
fn what_was_never_delivered_changes_nothing() {
    let mut ledger = Ledger::new(10);
    ledger.take(12, 1, 0);
    for offset in [i64::MIN, -1, 9, 10, 11, 13, i64::MAX] {
        assert!(!ledger.settle(offset) && !ledger.give_back(offset), "{offset}");
    }
    assert_eq!((ledger.committable(), ledger.in_flight()), (12, 1));
}

#[test]
fn what_was_given_back_cannot_be_settled_before_it_came_again() {
    let mut ledger = Ledger::new(0);
    ledger.take(0, 1, 0);
    assert!(ledger.give_back(0) && !ledger.settle(0));
    assert_eq!(ledger.committable(), 0);
    assert!(ledger.take(0, 1, 0) && ledger.settle(0));
    assert_eq!(ledger.committable(), 1);
}

#[test]
fn a_hundred_thousand_in_flight_settle_backwards_without_looking_at_each_other() {
    let mut ledger = Ledger::new(0);
    let count = 100_000;
    for offset in 0..count {
        ledger.take(offset * 2, 100, 0);
    }
    // The front is settled last: everything stays until then. Were each settling to look at all, this would take minutes.
    for offset in (0..count).rev() {
        assert!(ledger.settle(offset * 2));
    }
    assert_eq!((ledger.committable(), ledger.len()), ((count - 1) * 2 + 1, 0));
}

#[test]
fn a_record_that_is_not_settled_costs_no_memory_for_those_behind_it() {
    let mut ledger = Ledger::new(0);
    assert!(ledger.take(0, 10, 0));
    for offset in 1..5_000_000 {
        assert!(ledger.take(offset, 10, offset) && ledger.settle(offset));
        assert!(ledger.len() <= SWEPT_FROM + 2);
    }
    assert!(!ledger.take(4_000_000, 10, 0), "what is settled does not come again");
    assert_eq!((ledger.committable(), ledger.in_flight()), (0, 1));
    assert!(ledger.settle(0));
    assert_eq!((ledger.committable(), ledger.len()), (5_000_000, 0));
}
