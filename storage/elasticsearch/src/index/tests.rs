//! Claims about the names of indices.

use super::*;

const AUGUST_20: UnixNanos = UnixNanos(1_787_184_000_000_000_000);
const HOUR: Duration = Duration::from_secs(3_600);

fn made(change: impl FnOnce(&mut IndexConfig)) -> Result<IndexNames, OpenError> {
    let mut config = IndexConfig::default();
    change(&mut config);
    IndexNames::new(&config)
}

fn names(prefix: &str) -> IndexNames {
    made(|config| prefix.clone_into(&mut config.prefix)).unwrap()
}

fn hourly() -> Family {
    made(|config| config.rollover_frequency_spans = Frequency::Hour).unwrap().spans
}

fn written(family: &Family, moment: UnixNanos) -> String {
    family.write_target(family.period(moment))
}

fn around(moment: UnixNanos, by: Duration) -> TimeRange {
    widened(TimeRange { start: moment, end: moment }, by)
}

#[test]
fn a_day_begins_at_midnight_utc() {
    let spans = names("").spans;
    assert_eq!(written(&spans, AUGUST_20), "jaeger-span-2026-08-20");
    assert_eq!(written(&spans, UnixNanos(AUGUST_20.0 - 1)), "jaeger-span-2026-08-19");
    assert_eq!(written(&spans, UnixNanos::ZERO), "jaeger-span-1970-01-01");
    assert_eq!(written(&spans, UnixNanos::MAX), "jaeger-span-2554-07-21");
    let plain = made(|config| config.date_separator.clear()).unwrap().services;
    assert_eq!(written(&plain, AUGUST_20), "jaeger-service-20260820");
}

#[test]
fn an_hour_follows_the_day_with_the_same_separator() {
    assert_eq!(written(&hourly(), AUGUST_20.saturating_add(13 * HOUR)), "jaeger-span-2026-08-20-13");
    let dotted = made(|config| {
        config.date_separator = ".".to_owned();
        config.rollover_frequency_services = Frequency::Hour;
    });
    let dotted = dotted.unwrap();
    assert_eq!(written(&dotted.services, AUGUST_20), "jaeger-service-2026.08.20.00");
    assert_eq!(written(&dotted.spans, AUGUST_20), "jaeger-span-2026.08.20", "each family has its own period");
}

#[test]
fn a_prefix_is_joined_with_one_dash() {
    for prefix in ["prod", "prod-"] {
        assert_eq!(written(&names(prefix).spans, AUGUST_20), "prod-jaeger-span-2026-08-20");
    }
    assert_eq!(names("prod").spans.base_name(), "prod-jaeger-span");
    for bad in ["Prod", "a,b", "a*", "-a", "a:b"] {
        assert!(made(|config| bad.clone_into(&mut config.prefix)).is_err(), "{bad}");
    }
}

#[test]
fn a_window_becomes_a_list_of_days_newest_first() {
    let window = TimeRange { start: UnixNanos(AUGUST_20.0 - 1), end: UnixNanos(AUGUST_20.0 + 1) };
    assert_eq!(names("").spans.targets(window).path(), "jaeger-span-2026-08-20,jaeger-span-2026-08-19");
    assert_eq!(
        names("").spans.targets(widened(window, SLACK)).path(),
        "jaeger-span-2026-08-21,jaeger-span-2026-08-20,jaeger-span-2026-08-19,jaeger-span-2026-08-18"
    );
    let backwards = TimeRange { start: window.end, end: window.start };
    assert_eq!(names("").spans.targets(backwards).path(), "jaeger-span-2026-08-20");
}

#[test]
fn spans_are_read_in_both_layouts_and_both_lists_fit_into_one_address() {
    let names = names("prod");
    assert_eq!(
        names.span_targets(TimeRange { start: AUGUST_20, end: AUGUST_20 }).path(),
        "prod-jaeger-span-2026-08-20,prod-spoor-span-2026-08-20"
    );
    for days in 0..400 {
        let start = AUGUST_20.saturating_sub(days * 24 * HOUR);
        let path = names.span_targets(TimeRange { start, end: AUGUST_20 }).path();
        assert!(path.len() <= 3_200, "{} bytes for {days} days", path.len());
    }
}

#[test]
fn hours_are_listed_with_the_days_they_replaced() {
    assert_eq!(
        hourly().targets(around(AUGUST_20, HOUR)).path(),
        "jaeger-span-2026-08-20-01,jaeger-span-2026-08-20,jaeger-span-2026-08-20-00,\
         jaeger-span-2026-08-19-23,jaeger-span-2026-08-19"
    );
}

#[test]
fn what_lies_a_day_before_or_behind_a_window_is_read_at_every_hour_of_the_day() {
    let (daily, hourly) = (names("").spans, hourly());
    for hour in 0..24 {
        let end = AUGUST_20.saturating_add(hour * HOUR);
        let window = TimeRange { start: end.saturating_sub(HOUR), end };
        let targets = hourly.targets(widened(window, SLACK));
        let reads = |index: &str| {
            targets.names().iter().any(|name| {
                name.strip_suffix('*').map_or(name == index, |beginning| index.starts_with(beginning))
            })
        };
        for moment in [window.start.saturating_sub(SLACK), window.start, end, end.saturating_add(SLACK)] {
            let (of_day, of_hour) = (written(&daily, moment), written(&hourly, moment));
            assert!(reads(&of_day) && reads(&of_hour), "{hour}: {of_day}, {of_hour} in {targets:?}");
        }
    }
}

#[test]
fn a_longer_window_becomes_patterns_and_the_address_stays_short() {
    let days = |family: Family, days: u32| {
        let start = AUGUST_20.saturating_sub(days * 24 * HOUR);
        let path = family.targets(TimeRange { start, end: AUGUST_20 }).path();
        assert!(path.len() <= MAX_LIST_BYTES, "{path}");
        path
    };
    assert_eq!(
        days(hourly(), 4),
        "jaeger-span-2026-08-20*,jaeger-span-2026-08-19*,jaeger-span-2026-08-18*,jaeger-span-2026-08-17*,jaeger-span-2026-08-16*"
    );
    assert!(days(names("").spans, 60).starts_with("jaeger-span-2026-08-20,jaeger-span-2026-08-19,"));
    assert!(days(names("").spans, 200).starts_with("jaeger-span-2026-08*,jaeger-span-2026-07*,"));
    let all = TimeRange { start: UnixNanos::ZERO, end: UnixNanos::MAX };
    // Not `jaeger-span-*`: that would take in jaeger-span-archive and jaeger-span-000001.
    assert_eq!(names("é").spans.targets(all).path(), "%C3%A9-jaeger-span-2*,%C3%A9-jaeger-span-1*");
}

#[test]
fn aliases_take_the_place_of_dates() {
    let names = made(|config| {
        config.prefix = "prod".to_owned();
        config.use_aliases = true;
    })
    .unwrap();
    let all = TimeRange { start: UnixNanos::ZERO, end: UnixNanos::MAX };
    assert_eq!(written(&names.spans, AUGUST_20), "prod-jaeger-span-write");
    assert_eq!(names.spans.targets(all).path(), "prod-jaeger-span-read");
    assert_eq!(names.services.targets(all).path(), "prod-jaeger-service-read");
    assert_eq!(names.dependencies.targets(all).path(), "prod-jaeger-dependencies-read");
    assert!(names.spans.writes_to_alias());
}

#[test]
fn custom_aliases_come_in_pairs_and_only_where_aliases_are_used() {
    let refused = |change: fn(&mut IndexConfig)| made(change).unwrap_err().to_string();
    let custom = |config: &mut IndexConfig| {
        config.use_aliases = true;
        config.span_read_alias = Some("spans-to-read".to_owned());
        config.span_write_alias = Some("spans-to-write".to_owned());
    };
    let names = made(custom).unwrap();
    assert_eq!(names.spans.aliases(), Some(("spans-to-read", "spans-to-write")));
    assert_eq!(names.services.aliases(), Some(("jaeger-service-read", "jaeger-service-write")));
    let half = refused(|config| {
        config.use_aliases = true;
        config.service_read_alias = Some("a".to_owned());
    });
    assert!(half.contains("--es.service-read-alias and --es.service-write-alias go together"), "{half}");
    let unused = refused(|config| {
        config.span_read_alias = Some("a".to_owned());
        config.span_write_alias = Some("b".to_owned());
    });
    assert!(unused.contains("need --es.use-aliases"), "{unused}");
    let bad = refused(|config| {
        config.use_aliases = true;
        config.span_read_alias = Some("A".to_owned());
        config.span_write_alias = Some("b".to_owned());
    });
    assert!(bad.contains("\"A\" cannot be the name of an alias"), "{bad}");
}

#[test]
fn remote_clusters_are_read_beside_each_local_index_but_not_for_sampling() {
    let names = made(|config| config.remote_read_clusters = vec!["c1".to_owned(), "c2".to_owned()]).unwrap();
    let day = TimeRange { start: AUGUST_20, end: AUGUST_20 };
    assert_eq!(
        names.spans.targets(day).path(),
        "jaeger-span-2026-08-20,c1:jaeger-span-2026-08-20,c2:jaeger-span-2026-08-20"
    );
    assert_eq!(names.sampling.targets(day).path(), "jaeger-sampling-2026-08-20");
    let three_months = TimeRange { start: AUGUST_20.saturating_sub(80 * 24 * HOUR), end: AUGUST_20 };
    let path = names.spans.targets(three_months).path();
    assert!(path.len() <= MAX_LIST_BYTES && path.contains("c2:jaeger-span-2026-06*"), "{path}");
    assert!(made(|config| config.remote_read_clusters = vec!["a,b".to_owned()]).is_err());
}

#[test]
fn an_archive_is_one_index_or_a_pair_of_aliases() {
    let archive = |change: fn(&mut IndexConfig)| {
        let mut config = IndexConfig { prefix: "prod".to_owned(), ..IndexConfig::default() };
        change(&mut config);
        IndexNames::archive(&config).unwrap()
    };
    let all = TimeRange { start: UnixNanos::ZERO, end: UnixNanos::MAX };
    let one = archive(|_| {});
    assert_eq!(written(&one.spans, AUGUST_20), "prod-jaeger-span-archive");
    assert_eq!(one.spans.targets(all).path(), "prod-jaeger-span-archive");
    assert!(!one.has_services, "nobody asks an archive for its services");
    assert!(!one.spans.writes_to_alias());
    let aliases = archive(|config| config.use_aliases = true);
    assert_eq!(written(&aliases.spans, AUGUST_20), "prod-jaeger-span-archive-write");
    assert_eq!(aliases.spans.targets(all).path(), "prod-jaeger-span-archive-read");
}

#[test]
fn a_dated_archive_is_read_whole() {
    let config = IndexConfig { prefix: "kept".to_owned(), ..IndexConfig::default() };
    let spans = IndexNames::ageless(&config).unwrap().spans;
    let day = TimeRange { start: AUGUST_20, end: AUGUST_20 };
    assert_eq!(spans.targets(day).path(), "kept-jaeger-span-2*,kept-jaeger-span-1*");
    assert_eq!(written(&spans, AUGUST_20), "kept-jaeger-span-2026-08-20");
}

#[test]
fn aliases_of_the_compact_layout_have_settings_of_their_own_and_are_nobody_elses() {
    let mut config = IndexConfig { use_aliases: true, prefix: "prod".to_owned(), ..IndexConfig::default() };
    let set = |name: &str| Some(name.to_owned());
    (config.span_read_alias, config.span_write_alias) = (set("r"), set("w"));
    let names = IndexNames::new(&config).unwrap();
    assert_eq!(names.spans.aliases(), Some(("r", "w")));
    assert_eq!(names.compact.aliases(), Some(("prod-spoor-span-read", "prod-spoor-span-write")));
    (config.compact_span_read_alias, config.compact_span_write_alias) = (set("cr"), set("cw"));
    assert_eq!(IndexNames::new(&config).unwrap().compact.aliases(), Some(("cr", "cw")));
    assert_eq!(IndexNames::archive(&config).unwrap().compact.aliases(), Some(("cr", "cw")));
    config.compact_span_read_alias = set("r");
    let error = IndexNames::new(&config).unwrap_err().to_string();
    assert!(error.contains("\"r\"") && error.contains("--es.compact-span-read-alias"), "{error}");
    config.compact_span_read_alias = None;
    let error = IndexNames::new(&config).unwrap_err().to_string();
    assert!(error.contains("--es.compact-span-read-alias") && error.contains("go together"), "{error}");
    config.compact_span_write_alias = None;
    // An alias that knows its write index serves for both.
    config.span_read_alias = set("w");
    IndexNames::new(&config).unwrap();
}
