use std::time::Duration;

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    config: Config,
}

fn parse(args: &[&str]) -> Result<Config, clap::Error> {
    Program::try_parse_from([&["collector"], args].concat()).map(|program| program.config)
}

#[test]
fn defaults_are_jaegers_ports_and_bounds_that_go_together() {
    let config = parse(&[]).unwrap();
    config.validate().unwrap();
    assert!(
        config.otlp_enabled && config.tags.is_empty() && config.otlp_http.cors_allowed_origins.is_empty()
    );
    assert_eq!(config.otlp_grpc.host_port.to_string(), ":4317");
    assert_eq!(config.otlp_http.host_port.to_string(), ":4318");
    assert_eq!(config.jaeger_grpc.host_port.to_string(), ":14250");
    assert_eq!(config.zipkin.host_port.0, None, "off, as in Jaeger v1");
    assert!(config.zipkin.keep_alive && config.zipkin.origins().is_empty());
    assert_eq!(config.otlp_grpc.max_message_size, 4_194_304);
    assert_eq!(config.otlp_http.max_request_size, 20_971_520);
    assert_eq!(config.jaeger_grpc.max_connection_age, Duration::ZERO);
    assert_eq!(config.limits.write_timeout, Duration::from_secs(8));
}

#[test]
fn jaegers_flags_are_read_as_go_reads_them() {
    let config = parse(&[
        "--collector.otlp.enabled=false",
        "--collector.grpc-server.host-port=127.0.0.1:0",
        "--collector.grpc-server.max-connection-age=1h30m",
        "--collector.otlp.http.cors.allowed-origins=https://a.example,https://*.b.example",
        "--collector.tags=zone=eu,rack=7",
        "--collector.zipkin.host-port=:9411",
        "--collector.zipkin.keep-alive=false",
        "--collector.zipkin.allowed-origins=https://old.example",
        "--collector.zipkin.cors.allowed-origins=https://new.example",
    ])
    .unwrap();
    assert_eq!(config.zipkin.host_port.0.as_ref().unwrap().to_string(), ":9411");
    assert_eq!(config.zipkin.origins(), ["https://new.example", "https://old.example"]);
    assert!(!config.zipkin.keep_alive);
    assert!(!config.otlp_enabled);
    assert_eq!(config.jaeger_grpc.max_connection_age, Duration::from_secs(5400));
    assert_eq!(config.otlp_http.cors_allowed_origins.len(), 2);
    assert!(!config.tags.is_empty());
    assert!(parse(&["--collector.otlp.enabled"]).unwrap().otlp_enabled);
}

#[test]
fn nonsense_is_refused_with_the_setting_named() {
    for args in [
        "--collector.otlp.grpc.host-port=nowhere:high",
        "--collector.grpc-server.max-connection-age=soon",
        "--collector.tags=loner",
        "--collector.zipkin.host-port=nowhere:high",
    ] {
        let (setting, _) = args.split_once('=').unwrap();
        assert!(parse(&[args]).unwrap_err().to_string().contains(setting), "{args}");
    }
    for args in [
        "--collector.write-timeout=0",
        "--collector.max-concurrent-requests=0",
        "--collector.otlp.http.max-request-size=70000000",
        "--collector.http-server.max-request-size=70000000",
        "--collector.zipkin.max-request-size=70000000",
    ] {
        let (setting, _) = args.split_once('=').unwrap();
        let open = ["--collector.zipkin.host-port=:9411", args];
        let error = parse(&open).unwrap().validate().unwrap_err().to_string();
        assert!(error.starts_with(setting), "{error}");
    }
    parse(&["--collector.zipkin.max-request-size=70000000"])
        .unwrap()
        .validate()
        .expect("a port that is not open has no bound");
}
