use super::*;
use crate::Alias;

/// `name created alias alias! alias?`: an alias with `!` says that it is written to by this index, with `?` that it is not. What was created at 0 is empty.
fn index(line: &str) -> Index {
    let mut words = line.split(' ');
    let name = words.next().unwrap().to_owned();
    let created = words.next().unwrap().parse().unwrap();
    let alias = |word: &str| {
        let is_write = match word.chars().last() {
            Some('!') => Some(true),
            Some('?') => Some(false),
            _ => None,
        };
        Alias { name: word.trim_end_matches(['!', '?']).to_owned(), is_write }
    };
    Index { name, created, bytes: 0, is_empty: created == 0, aliases: words.map(alias).collect() }
}

fn planned(indices: &[&str], task: &Task) -> Vec<String> {
    let indices: Vec<Index> = indices.iter().map(|line| index(line)).collect();
    let plan = plan(&indices, &[Names::new("", IndexFamily::Span)], task, 1_000_000);
    let steps = plan.steps.iter().map(Step::to_string);
    steps.chain(plan.problems.iter().map(Problem::to_string)).collect()
}

const INIT: Task = Task::Init { marks_write: false };
const MARKED: Task = Task::Init { marks_write: true };
const TEMPLATE: &str = "install the template of jaeger-span";

fn roll_over(conditions: &str) -> Task {
    Task::RollOver(conditions.parse().unwrap())
}

/// Back to the second 999,900.
const LOOK_BACK: Task = Task::LookBack { unit: Unit::Seconds, count: 100 };

#[test]
fn a_series_begins_with_one_index_behind_both_aliases() {
    let others = ["jaeger-service-000003 1", "jaeger-span-2026-08-20 1", "jaeger-span-archive-000007 1"];
    let first = "create jaeger-span-000001 behind jaeger-span-read and jaeger-span-write";
    assert_eq!(planned(&[], &INIT), [TEMPLATE, first]);
    assert_eq!(planned(&others, &INIT), [TEMPLATE, first]);
    let names = Names::new("prod-", IndexFamily::Archive);
    assert_eq!(names, Names::new("prod", IndexFamily::Archive));
    assert_eq!(names.read, "prod-jaeger-span-archive-read");
}

#[test]
fn a_series_that_has_begun_is_left_as_it_is() {
    assert_eq!(planned(&["jaeger-span-000001 1 jaeger-span-read jaeger-span-write"], &INIT), [TEMPLATE]);
    // The first ones are long gone, or out of sight.
    let late = ["jaeger-span-000006 1", "jaeger-span-000007 2 jaeger-span-read jaeger-span-write"];
    assert_eq!(planned(&late, &INIT), [TEMPLATE]);
    let marked = [
        "jaeger-span-000006 1 jaeger-span-read jaeger-span-write?",
        "jaeger-span-000007 2 jaeger-span-read jaeger-span-write!",
    ];
    assert_eq!(planned(&marked, &MARKED), [TEMPLATE]);
}

#[test]
fn aliases_that_are_missing_come_back() {
    let both =
        "have jaeger-span-read lead to jaeger-span-000001, have jaeger-span-write lead to jaeger-span-000001";
    assert_eq!(planned(&["jaeger-span-000001 1"], &INIT), [TEMPLATE, both]);
    let lost = planned(&["jaeger-span-000001 1", "jaeger-span-000002 2"], &INIT);
    assert_eq!(
        lost[1],
        "have jaeger-span-read lead to jaeger-span-000001, have jaeger-span-read lead to jaeger-span-000002, \
         have jaeger-span-write lead to jaeger-span-000002"
    );
    let unread = ["jaeger-span-000001 1", "jaeger-span-000002 2 jaeger-span-read", "jaeger-span-000003 3"];
    assert_eq!(
        planned(&unread, &INIT)[1],
        "have jaeger-span-read lead to jaeger-span-000003, have jaeger-span-write lead to jaeger-span-000003"
    );
    let unmarked = ["jaeger-span-000001 1 jaeger-span-read jaeger-span-write"];
    assert_eq!(planned(&unmarked, &MARKED), [TEMPLATE, "write jaeger-span-write to jaeger-span-000001"]);
    // An index with a name of its own is as good.
    let own = ["jaeger-span-first 1 jaeger-span-write"];
    assert_eq!(planned(&own, &INIT), [TEMPLATE, "have jaeger-span-read lead to jaeger-span-first"]);
}

#[test]
fn the_next_index_is_read_before_it_is_written_to() {
    let index = "jaeger-span-000001 1 jaeger-span-read jaeger-span-write";
    let always = "roll jaeger-span-write over to jaeger-span-000002";
    assert_eq!(planned(&[index], &roll_over("")), [always]);
    assert_eq!(planned(&[index], &roll_over("{}")), [always]);
    let conditional = format!("{always} if one of {{\"max_age\":\"2d\"}} is met");
    assert_eq!(planned(&[index], &roll_over(r#"{"max_age": "2d"}"#)), [conditional]);
    // Where another tool was stopped between two steps.
    let stopped = ["jaeger-span-000001 1 jaeger-span-read", "jaeger-span-000002 2 jaeger-span-write"];
    assert_eq!(
        planned(&stopped, &roll_over("")),
        [
            "have jaeger-span-read lead to jaeger-span-000002",
            "roll jaeger-span-write over to jaeger-span-000003"
        ]
    );
    let left_over = [index, "jaeger-span-000004 2"];
    let passed_by = ["roll jaeger-span-write over to jaeger-span-000005"];
    assert_eq!(planned(&left_over, &roll_over("")), passed_by);
}

#[test]
fn an_index_that_a_stopped_round_has_made_is_the_next_one() {
    let made = |lines: [&str; 2]| {
        let indices = lines.map(index);
        let plan = plan(&indices, &[Names::new("", IndexFamily::Span)], &roll_over(""), 0);
        let Some(Step::RollOver(rolling)) = plan.steps.last() else { panic!("{plan:?}") };
        (rolling.is_made, rolling.to.clone(), rolling.unused.clone())
    };
    let names = |number: u32| format!("jaeger-span-{number:06}");
    let current = "jaeger-span-000001 1 jaeger-span-read jaeger-span-write";
    assert_eq!(made([current, "jaeger-span-000002 0"]), (true, names(2), names(3)));
    assert_eq!(made([current, "jaeger-span-000002 0 jaeger-span-read"]), (true, names(2), names(3)));
    assert_eq!(made([current, "jaeger-span-000002 5"]), (false, names(3), names(3)));
    assert_eq!(made([current, "jaeger-span-000002 0 mine!"]), (false, names(3), names(3)));
    let older = "jaeger-span-000002 1 jaeger-span-read jaeger-span-write";
    assert_eq!(made([older, "jaeger-span-000001 0"]), (false, names(3), names(3)));
}

#[test]
fn both_aliases_come_to_the_next_index_in_one_change() {
    let changes = |line: &str| {
        let plan = plan(&[index(line)], &[Names::new("", IndexFamily::Span)], &roll_over(""), 0);
        let Some(Step::RollOver(rolling)) = plan.steps.last() else { panic!("{plan:?}") };
        Step::ChangeAliases(rolling.changes.clone()).to_string()
    };
    assert_eq!(
        changes("jaeger-span-000001 1 jaeger-span-read jaeger-span-write"),
        "have jaeger-span-read lead to jaeger-span-000002, take jaeger-span-000001 out of jaeger-span-write, \
         have jaeger-span-write lead to jaeger-span-000002"
    );
    assert_eq!(
        changes("jaeger-span-000001 1 jaeger-span-read jaeger-span-write!"),
        "have jaeger-span-read lead to jaeger-span-000002, write no more under jaeger-span-write to jaeger-span-000001, \
         write jaeger-span-write to jaeger-span-000002"
    );
}

#[test]
fn what_was_taken_out_of_sight_does_not_come_back_by_a_rollover() {
    let lifecycle = [
        "jaeger-span-000001 1 jaeger-span-write?",
        "jaeger-span-000002 2 jaeger-span-read jaeger-span-write!",
    ];
    assert_eq!(planned(&lifecycle, &roll_over("")), ["roll jaeger-span-write over to jaeger-span-000003"]);
    assert_eq!(planned(&lifecycle, &MARKED), [TEMPLATE]);
}

#[test]
fn what_cannot_be_done_is_said() {
    assert_eq!(planned(&[], &roll_over("")), ["there is no alias jaeger-span-write: run init first"]);
    let occupied = planned(&["jaeger-span-write 1"], &INIT);
    assert!(
        occupied[0].starts_with("jaeger-span-write is an index, where an alias has to be"),
        "{occupied:?}"
    );
    let unclear = ["jaeger-span-000001 1 jaeger-span-write", "jaeger-span-000002 1 jaeger-span-write"];
    for task in [INIT, roll_over("")] {
        assert!(planned(&unclear, &task)[0].contains("leads to several indices"));
    }
    assert!(planned(&["jaeger-span-000001 1 jaeger-span-write?"], &INIT)[0].contains("is_write_index=true"));
}

#[test]
fn one_series_that_cannot_be_helped_does_not_keep_the_others() {
    let indices = [index("jaeger-service-000001 1 jaeger-service-write jaeger-service-read")];
    let series = [IndexFamily::Span, IndexFamily::Service].map(|family| Names::new("", family));
    let plan = plan(&indices, &series, &roll_over(""), 0);
    assert_eq!((plan.steps.len(), plan.problems.len()), (1, 1));
}

#[test]
fn old_indices_go_out_of_sight_but_not_those_that_are_written_to() {
    let indices = [
        "jaeger-span-000001 1",
        "jaeger-span-000002 2 jaeger-span-read",
        "jaeger-span-000003 999899 jaeger-span-read jaeger-span-write?",
        "jaeger-span-000004 999900 jaeger-span-read jaeger-span-write?",
        "jaeger-span-000005 3 jaeger-span-read jaeger-span-write!",
    ];
    assert_eq!(
        planned(&indices, &LOOK_BACK),
        ["take jaeger-span-000002 out of jaeger-span-read, take jaeger-span-000003 out of jaeger-span-read"]
    );
    assert_eq!(planned(&[], &LOOK_BACK), [""; 0]);
}

#[test]
fn the_last_index_in_sight_stays_there() {
    let indices = ["jaeger-span-000001 1 jaeger-span-read", "jaeger-span-000002 1 jaeger-span-read"];
    assert_eq!(planned(&indices, &LOOK_BACK), ["take jaeger-span-000001 out of jaeger-span-read"]);
}
