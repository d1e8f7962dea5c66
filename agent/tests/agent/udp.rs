//! Datagrams.

use std::net::UdpSocket;

use tokio_util::sync::CancellationToken;

use crate::fixture::{Collector, Running, built, until};

fn send(running: &Running, port: &str, packet: &[u8]) {
    let (_, address) = running.udp.iter().find(|(name, _)| *name == port).unwrap();
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(packet, address).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_many_datagrams_go_in_few_batches_with_the_agents_tags() {
    let collector = Collector::default();
    let (address, _server) = collector.serve("127.0.0.1:0");
    let running = Running::start(&address.to_string(), &["--agent.tags=zone=eu"]);
    for port in ["zipkin-compact", "jaeger-compact", "jaeger-binary"] {
        for _ in 0..10 {
            send(&running, port, b"shop 3");
        }
    }
    until(|| collector.spans() == 90).await;
    let batches = collector.batches();
    assert!(batches.len() <= 5, "{}", batches.len());
    for batch in batches {
        let process = batch.process.unwrap();
        assert_eq!((process.service_name.as_str(), process.tags[0].key.as_str()), ("shop", "zone"));
        assert_eq!(process.tags[0].v_str, "eu");
    }
    running.until("spoor_agent_spans_delivered_total", 90.0).await;
    let of = |name: &str| {
        running.metric(&format!(
            "jaeger_agent_thrift_udp_server_{name}_total{{protocol=\"compact\",model=\"jaeger\"}}"
        ))
    };
    assert!((of("packets_processed") - 10.0).abs() < 0.5);
    let submitted = "jaeger_agent_reporter_spans_submitted_total{format=\"jaeger\",protocol=\"grpc\"}";
    assert!((running.metric(submitted) - 90.0).abs() < 0.5);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_that_cannot_be_read_are_counted_and_end_nothing() {
    let collector = Collector::default();
    let (address, _server) = collector.serve("127.0.0.1:0");
    let flags =
        ["--processor.jaeger-compact.server-max-packet-size=100", "--processor.jaeger-compact.workers=1"];
    let running = Running::start(&address.to_string(), &flags);
    for packet in [&b"nonsense"[..], b"", b"\xff\xff", b"panic", &[b'7'; 101], &[b'7'; 60_000]] {
        send(&running, "jaeger-compact", packet);
    }
    let errors =
        "jaeger_agent_thrift_udp_t_processor_handler_errors_total{protocol=\"compact\",model=\"jaeger\"}";
    running.until(errors, 6.0).await;
    send(&running, "jaeger-compact", b"shop 1");
    until(|| collector.spans() == 1).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_arrived_before_the_stop_is_delivered() {
    let collector = Collector::default();
    let (address, _server) = collector.serve("127.0.0.1:0");
    let running = Running::start(&address.to_string(), &["--reporter.grpc.batch-linger=1h"]);
    for _ in 0..50 {
        send(&running, "jaeger-compact", b"shop 2");
    }
    running.end().await;
    assert_eq!(collector.spans(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_agent_on_the_port_is_an_error_that_names_the_setting() {
    use clap::Parser;
    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        agent: spoor_agent::Config,
    }
    let running = Running::start("127.0.0.1:1", &["--agent.drain-timeout=0s"]);
    let taken = running.udp.iter().find(|(name, _)| *name == "jaeger-compact").unwrap().1;
    let flags = [
        "spoor".to_owned(),
        format!("--processor.jaeger-compact.server-host-port={taken}"),
        "--processor.zipkin-compact.server-host-port=".to_owned(),
        "--processor.jaeger-binary.server-host-port=".to_owned(),
        "--http-server.host-port=".to_owned(),
    ];
    let config = Program::parse_from(flags).agent;
    let error = spoor_agent::Sockets::bind(&config.ports).unwrap_err().to_string();
    assert!(
        error.contains("--processor.jaeger-compact.server-host-port") && error.contains("another program"),
        "{error}"
    );
    running.end().await;
}

/// On one thread, on which nothing else goes on between the end of the one and the beginning of the other.
#[tokio::test]
async fn the_spool_of_an_agent_that_has_ended_is_the_next_ones_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = format!("--agent.spool.directory={}", folder.path().display());
    let stopped = CancellationToken::new();
    stopped.cancel();
    for _ in 0..3 {
        built("127.0.0.1:1", &[&spool]).run(stopped.clone()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_cannot_be_delivered_at_the_end_are_counted_or_stay_in_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let spool = format!("--agent.spool.directory={}", folder.path().display());
    let flags = [spool.as_str(), "--agent.drain-timeout=100ms", "--reporter.grpc.batch-linger=1ms"];
    let running = Running::start("127.0.0.1:1", &flags);
    send(&running, "jaeger-compact", b"shop 5");
    running.until("spoor_agent_spans_received_total", 5.0).await;
    running.end().await;
    let collector = Collector::default();
    let (address, _server) = collector.serve("127.0.0.1:0");
    let running = Running::start(&address.to_string(), &flags);
    running.until("spoor_agent_spans_recovered_total", 5.0).await;
    running.until("spoor_agent_spans_delivered_total", 5.0).await;
    assert_eq!(collector.spans(), 5);
    running.end().await;
}
