//! Claims about the settings of own traces.

use clap::Parser;
use opentelemetry::Key;

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    otel: OtelConfig,
}

fn read(args: &[&str]) -> Result<Settings, String> {
    let args = args.iter().map(|arg| format!("--otel.{arg}"));
    let program = Program::try_parse_from(std::iter::once("spoor".to_owned()).chain(args));
    Settings::read(&program.unwrap().otel, "spoor-test").map_err(|error| error.to_string())
}

#[test]
fn the_endpoint_follows_from_the_protocol_and_the_one_for_traces_is_taken_as_it_is() {
    let grpc = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    for (args, expected) in [
        (&[][..], format!("http://localhost:4317{grpc}")),
        (&["exporter.otlp.endpoint=https://a:1/"], format!("https://a:1{grpc}")),
        (&["exporter.otlp.protocol=http/protobuf"], "http://localhost:4318/v1/traces".to_owned()),
        (
            &["exporter.otlp.protocol=http/protobuf", "exporter.otlp.endpoint=http://a:1/x/"],
            "http://a:1/x/v1/traces".to_owned(),
        ),
        (
            &[
                "exporter.otlp.protocol=http/protobuf",
                "exporter.otlp.endpoint=http://a:1",
                "exporter.otlp.traces.endpoint=http://b:2/own",
            ],
            "http://b:2/own".to_owned(),
        ),
    ] {
        assert_eq!(read(args).unwrap().endpoint.to_string(), expected, "{args:?}");
    }
}

#[test]
fn what_cannot_work_is_told_by_its_flag_and_without_secrets() {
    for (arg, flag) in [
        ("exporter.otlp.endpoint=collector:4317", "--otel.exporter.otlp.endpoint: "),
        ("exporter.otlp.endpoint=http://u:hush@a:1", "--otel.exporter.otlp.endpoint: "),
        ("exporter.otlp.endpoint=http://a:1/?key=hush", "--otel.exporter.otlp.endpoint: "),
        ("exporter.otlp.endpoint=http://a:1/x", "--otel.exporter.otlp.endpoint: gRPC has no use for a path"),
        ("exporter.otlp.traces.endpoint=nowhere", "--otel.exporter.otlp.traces.endpoint: "),
        ("exporter.otlp.protocol=http/json", "--otel.exporter.otlp.protocol: "),
        ("exporter.otlp.headers=hush", "--otel.exporter.otlp.headers: "),
        ("exporter.otlp.headers=a=hush%00", "--otel.exporter.otlp.headers: "),
        ("traces.sampler=sometimes", "--otel.traces.sampler: "),
        ("traces.sampler.arg=7", "--otel.traces.sampler.arg: "),
        ("resource.attributes=x", "--otel.resource.attributes: "),
        ("exporter.otlp.timeout=0", "--otel.exporter.otlp.timeout: "),
        ("bsp.schedule.delay=soon", "--otel.bsp.schedule.delay: "),
        ("bsp.max.queue.size=0", "--otel.bsp.max.queue.size: "),
        ("bsp.max.queue.size=100000", "--otel.bsp.max.queue.size: "),
        ("exporter.otlp.certificate=ca.pem", "--otel.exporter.otlp.certificate: "),
        ("exporter.otlp.client.key=x.pem", "--otel.exporter.otlp.client.key: "),
    ] {
        let error = read(&[arg]).unwrap_err();
        assert!(error.starts_with(flag) && !error.contains("hush"), "{arg}: {error}");
    }
    let error = read(&["exporter.otlp.endpoint=https://a:1", "exporter.otlp.client.certificate=x.pem"]);
    assert!(error.unwrap_err().starts_with("--otel.exporter.otlp.client.certificate: "));
}

#[test]
fn headers_are_decoded_kept_secret_and_marked() {
    let headers = read(&["exporter.otlp.headers=X-Tenant=red, authorization=Basic%20abc"]).unwrap().headers;
    assert_eq!(
        (&headers["x-tenant"], &headers["authorization"]),
        (&"red".parse().unwrap(), &"Basic abc".parse().unwrap())
    );
    assert!(crate::is_marked(&headers));
    assert!(!format!("{headers:?}").contains("abc"));
}

#[test]
fn the_process_is_named_as_told_and_always_known_as_spoor() {
    let of = |args: &[&str], key: &'static str| {
        read(args).unwrap().resource.get(&Key::from_static_str(key)).map(|value| value.to_string())
    };
    assert_eq!(of(&[], "service.name").as_deref(), Some("spoor-test"));
    let attributes = "resource.attributes=service.name=a,zone=b%2Cc,telemetry.distro.name=other";
    assert_eq!(of(&[attributes], "service.name").as_deref(), Some("a"));
    assert_eq!(of(&[attributes, "service.name=b"], "service.name").as_deref(), Some("b"));
    assert_eq!(of(&[attributes], "zone").as_deref(), Some("b,c"));
    assert_eq!(of(&[attributes], DISTRO.0).as_deref(), Some(DISTRO.1));
}

#[test]
fn a_plain_number_is_milliseconds_and_a_duration_has_its_unit() {
    for (text, expected) in [("250", Duration::from_millis(250)), ("1m30s", Duration::from_secs(90))] {
        let arg = format!("bsp.schedule.delay={text}");
        assert_eq!(read(&[&arg]).unwrap().delay, expected, "{text}");
    }
    let by_default = read(&[]).unwrap();
    assert_eq!((by_default.timeout, by_default.most_waiting), (Duration::from_secs(10), 2048));
}
