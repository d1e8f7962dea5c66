//! Claims about the archive's settings beside the store's.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    store: Config,
    #[command(flatten)]
    archive: ArchiveConfig,
}

fn parsed(flags: &[&str]) -> Program {
    Program::try_parse_from(std::iter::once(&"test").chain(flags)).unwrap()
}

#[test]
fn what_is_not_set_for_the_archive_is_as_for_the_store() {
    let program = parsed(&[
        "--es.server-urls=http://a:1,http://b:2",
        "--es.num-shards=3",
        "--es.bulk.size=77",
        "--es-archive.enabled",
        "--es-archive.num-shards=1",
        "--es-archive.use-aliases=true",
    ]);
    assert!(program.archive.enabled() && program.archive.names() == ArchiveNames::Single);
    let archive = program.archive.beside(&program.store).unwrap();
    assert_eq!(archive.connection, program.store.connection);
    assert_eq!((archive.bulk.size, archive.indices.use_aliases), (77, true));
    assert!(!program.store.indices.use_aliases);
    assert_eq!(format!("{:?}", archive).matches("num_shards: 1,").count(), 1);
}

#[test]
fn lists_and_truths_are_taken_as_for_the_store() {
    let program = parsed(&["--es-archive.server-urls=http://c,http://d", "--es-archive.use-aliases=false"]);
    let archive = program.archive.beside(&program.store).unwrap();
    assert_eq!(format!("{:?}", archive.connection.server_urls), "[http://c, http://d]");
    assert!(!archive.indices.use_aliases);
}

#[test]
fn secrets_of_the_archive_are_not_shown() {
    let program = parsed(&["--es-archive.password=hush", "--es-archive.server-urls=http://me:hush@a"]);
    let shown = format!("{program:?}");
    assert!(!shown.contains("hush") && shown.contains("--es.password"), "{shown}");
}

#[test]
fn aliases_of_services_are_refused_where_an_archive_has_none() {
    let flags =
        ["--es.use-aliases", "--es-archive.service-read-alias=r", "--es-archive.service-write-alias=w"];
    let program = parsed(&flags);
    let error = program.archive.beside(&program.store).unwrap_err().to_string();
    assert!(error.contains("--es-archive.service-") && error.contains("remove it"), "{error}");
    let dated = ["--es-archive.names=dated", "--es-archive.index-prefix=kept"];
    let program = parsed(&[&flags[..], &dated].concat());
    let archive = program.archive.beside(&program.store).unwrap();
    assert_eq!(archive.indices.service_read_alias.as_deref(), Some("r"));
}

#[test]
fn the_stores_own_aliases_are_not_the_archives() {
    let program = parsed(&["--es.use-aliases", "--es.span-read-alias=r", "--es.span-write-alias=w"]);
    let archive = program.archive.beside(&program.store).unwrap();
    assert_eq!((archive.indices.use_aliases, archive.indices.span_read_alias), (true, None));
}

#[test]
fn the_stores_lifecycle_policy_does_not_delete_the_archive() {
    let program = parsed(&["--es.use-aliases", "--es.use-ilm", "--es.ilm-policy-name=three-days"]);
    let archive = program.archive.beside(&program.store).unwrap();
    assert_eq!((archive.templates.use_ilm, archive.templates.ilm_policy_name.as_str()), (true, ""));
    let own = parsed(&["--es.ilm-policy-name=three-days", "--es-archive.ilm-policy-name=years"]);
    assert_eq!(own.archive.beside(&own.store).unwrap().templates.ilm_policy_name, "years");
}

#[test]
fn an_archive_with_the_stores_own_names_is_refused() {
    let same = parsed(&["--es-archive.names=dated"]);
    let error = same.archive.beside(&same.store).unwrap_err().to_string();
    assert!(error.contains("--es-archive.index-prefix"), "{error}");
    let other = parsed(&["--es-archive.names=dated", "--es-archive.index-prefix=kept"]);
    assert_eq!(other.archive.beside(&other.store).unwrap().indices.prefix, "kept");
}

#[test]
fn every_setting_of_the_store_has_its_twin() {
    let twins = ArchiveConfig::augment_args(Command::new("archive"));
    let twins: Vec<&str> = twins.get_arguments().filter_map(Arg::get_long).collect();
    let store = Config::augment_args(Command::new("store"));
    for name in
        store.get_arguments().filter_map(Arg::get_long).filter(|name| !NOT_FOR_ARCHIVES.contains(name))
    {
        assert!(twins.contains(&name.replacen("es.", PREFIX, 1).as_str()), "{name}");
    }
}

#[tokio::test]
async fn what_has_no_effect_on_an_archive_is_refused_unless_it_is_what_the_store_has() {
    let open = |flags: &[&str]| {
        let program = parsed(flags);
        let mut registry = prometheus_client::registry::Registry::default();
        crate::ElasticsearchStore::open_archive(&program.archive, &program.store, &mut registry)
    };
    let dated = ["--es-archive.names=dated", "--es-archive.index-prefix=kept"];
    for (setting, dated_has_it) in [
        ("prioirity-dependencies-template=1", false),
        ("prioirity-sampling-template=1", false),
        ("adaptive-sampling.lookback=1h", false),
        ("index-rollover-frequency-adaptive-sampling=hour", false),
        ("index-date-separator=.", true),
        ("index-rollover-frequency-spans=hour", true),
        ("index-rollover-frequency-services=hour", true),
        ("prioirity-service-template=1", true),
        ("service-cache-ttl=1h", true),
    ] {
        let (own, stores) = (format!("--es-archive.{setting}"), format!("--es.{setting}"));
        let name = own.split('=').next().unwrap();
        let error = open(&[&own]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("remove it"), "{error}");
        assert!(open(&[&stores]).is_ok(), "{stores} is the store's matter");
        assert!(open(&[&own, &stores]).is_ok(), "{own} says what holds anyway");
        assert_eq!(open(&[&dated[..], &[&own]].concat()).is_ok(), dated_has_it, "{own}");
    }
}
