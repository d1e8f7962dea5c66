//! The decisions about lists of indices in `tests/plans/`, a line each.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use spoor_retention::{AgeFrom, Alias, Index, Naming, Policy, plan};

/// 2026-08-20 12:00 UTC.
const NOW: i64 = 1_787_227_200;

fn policy(settings: &str) -> Policy {
    let mut policy = Policy {
        prefix: String::new(),
        separator: "-".to_owned(),
        naming: Naming::Dated,
        age_from: AgeFrom::Creation,
        max_age: None,
        max_bytes: None,
        max_count: None,
        keep_at_least: 0,
        write_aliases: Vec::new(),
    };
    for (key, value) in settings.split_whitespace().map(|setting| setting.split_once('=').unwrap()) {
        match (key, value) {
            ("prefix", _) => policy.prefix = value.to_owned(),
            ("sep", _) => policy.separator = value.to_owned(),
            ("naming", "rollover") => policy.naming = Naming::Rollover,
            ("naming", "archive") => policy.naming = Naming::Archive,
            ("from", "name") => policy.age_from = AgeFrom::Name,
            ("age", _) => policy.max_age = Some(value.parse::<i64>().unwrap() * 3_600),
            ("bytes", _) => policy.max_bytes = Some(value.parse().unwrap()),
            ("count", _) => policy.max_count = Some(value.parse().unwrap()),
            ("floor", _) => policy.keep_at_least = value.parse::<i64>().unwrap() * 3_600,
            ("write", _) => policy.write_aliases.push(value.to_owned()),
            other => panic!("no such setting: {other:?}"),
        }
    }
    policy
}

fn index(text: &str) -> Index {
    let (text, alias) = text.split_once('>').map_or((text, None), |(text, alias)| (text, Some(alias)));
    let (text, bytes) = text.split_once('#').unwrap_or((text, "0"));
    let (name, hours) = text.split_once('@').unwrap();
    let aliases = alias.map(|alias| Alias {
        name: alias.trim_end_matches(['!', '~']).to_owned(),
        is_write: if alias.ends_with('!') { Some(true) } else { alias.ends_with('~').then_some(false) },
    });
    Index {
        name: name.to_owned(),
        created: NOW - hours.parse::<i64>().unwrap() * 3_600,
        bytes: bytes.parse().unwrap(),
        is_empty: false,
        aliases: aliases.into_iter().collect(),
    }
}

#[test]
fn every_list_is_decided_as_written() {
    let lines = include_str!("plans/cases.txt").lines().filter(|line| !line.starts_with('#'));
    let (mut cases, mut wrong) = (0, Vec::new());
    for line in lines {
        let [title, settings, indices, expected] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let (policy, indices): (_, Vec<_>) =
            (policy(settings), indices.split_whitespace().map(index).collect());
        let decisions = plan(&indices, &policy, NOW);
        let mut gone: Vec<_> =
            decisions.iter().filter(|one| one.delete).map(|one| one.name.as_str()).collect();
        let mut expected: Vec<_> = expected.split_whitespace().collect();
        gone.sort_unstable();
        expected.sort_unstable();
        if gone != expected {
            wrong.push(format!("{title}: {decisions:#?}"));
        }
        let left: Vec<_> = indices.into_iter().filter(|one| !gone.contains(&one.name.as_str())).collect();
        let again = plan(&left, &policy, NOW);
        assert!(again.iter().all(|one| !one.delete), "{title}: a second run takes more: {again:#?}");
        cases += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 60, "{cases} cases");
}
