//! Zipkin's spans at an agent's ports: what is no whole message is refused and counted, whichever byte is wrong and whatever port it comes
//! to, and the good ones beside it lose nothing.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_proto::convert::jaeger_thrift::{ThriftProtocol, decode_agent_message};
use spoor_tests::{Role, Spoor, eventually};

const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes under way at a time, and of one datagram beyond them: they have room in the kernel's usual buffer.
const UNREAD: usize = 64 << 10;
/// What the kernel takes for a datagram beside its bytes, about.
const OVERHEAD: usize = 1 << 10;
const BINARY: &str = include_str!("../../proto/testdata/emit_zipkin_batch_binary.hex");
const COMPACT: &str = include_str!("../../proto/testdata/emit_zipkin_batch_compact.hex");

/// The bytes of a file of hexadecimal numbers with comments behind `#`.
fn message(text: &str) -> Result<Vec<u8>> {
    let numbers = text.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    numbers.map(|number| u8::from_str_radix(number, 16).context("a byte")).collect()
}

/// A message with each byte changed in two ways, and cut off before each.
fn mutated(whole: &[u8]) -> Vec<Vec<u8>> {
    let changed = (0..whole.len()).flat_map(|place| {
        [0xff, 1].map(|change| {
            let mut copy = whole.to_vec();
            copy[place] ^= change;
            copy
        })
    });
    changed.chain((0..whole.len()).map(|end| whole[..end].to_vec())).collect()
}

/// What follows the name of the method, and what is repeated behind it.
type Part = (&'static [u8], &'static [u8]);

/// Messages that carry nothing, nest 64 KB deep, or claim more than there is.
fn hostile(protocol: ThriftProtocol) -> Vec<Vec<u8>> {
    let (head, parts): (&[u8], [Part; 4]) = match protocol {
        ThriftProtocol::Compact => (
            b"\x82\x81\0\x0femitZipkinBatch",
            [
                (b"\x19\x0c\0", b""),
                (b"\x19\xfc\xff\xff\xff\xff\x07\0\0", b""),
                (b"\x19\x1c", b"\x7c"),
                (b"\x19\x1c\x79", b"\x19"),
            ],
        ),
        ThriftProtocol::Binary => (
            b"\x80\x01\0\x04\0\0\0\x0femitZipkinBatch\0\0\0\0",
            [
                (b"\x0f\0\x01\x0c\0\0\0\0\0", b""),
                (b"\x0f\0\x01\x0c\x7f\xff\xff\xff\0\0", b""),
                (b"\x0f\0\x01\x0c\0\0\0\x01", b"\x0c\0\x07"),
                (b"\x0f\0\x01\x0c\0\0\0\x01\x0f\0\x07", b"\x0f\0\0\0\x01"),
            ],
        ),
    };
    let whole = |(within, nested): Part| {
        let depth = 64_000_usize.checked_div(nested.len()).unwrap_or_default();
        [head, within, &nested.repeat(depth)].concat()
    };
    parts.map(whole).into()
}

/// What an agent that reads with our decoder has to count.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Expected {
    errors: f64,
    spans: f64,
}

/// Waits until the agent has counted this.
async fn is_counted(spoor: &Spoor, expected: Expected) -> Result<()> {
    eventually("each is counted", PATIENCE, || async {
        let metrics = spoor.metrics().await?;
        let counted = Expected {
            errors: metrics.sum("jaeger_agent_thrift_udp_t_processor_handler_errors_total", ""),
            spans: metrics.sum("spoor_agent_spans_received_total", ""),
        };
        ensure!(counted == expected, "{counted:?}, not {expected:?}");
        Ok(())
    })
    .await
}

/// Sends to a port of an agent that has counted `before`; the next few when it has counted the last, so that none is lost for want of
/// room in the kernel, however little of the machine the agent gets. Answers what it has counted at the end.
async fn throw(
    spoor: &Spoor,
    port: &str,
    protocol: ThriftProtocol,
    packets: &[Vec<u8>],
    before: Expected,
) -> Result<Expected> {
    let (socket, address) = (UdpSocket::bind("127.0.0.1:0")?, spoor.address(port));
    let (mut expected, mut unread) = (before, 0);
    for packet in packets {
        match decode_agent_message(protocol, packet.clone().into()) {
            Ok(message) if !message.spans.is_empty() => {
                expected.spans += f64::from(u32::try_from(message.spans.len())?);
            }
            _ => expected.errors += 1.0,
        }
        socket.send_to(packet, &address)?;
        unread += packet.len() + OVERHEAD;
        if unread > UNREAD {
            is_counted(spoor, expected).await?;
            unread = 0;
        }
    }
    is_counted(spoor, expected).await?;
    Ok(expected)
}

#[tokio::test]
async fn mutated_zipkin_messages_are_refused_whole_and_counted_and_cost_the_good_ones_nothing() -> Result<()>
{
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    let mut all = Expected::default();
    for (protocol, text, ports) in [
        (ThriftProtocol::Compact, COMPACT, &["jaeger-compact", "zipkin-compact"][..]),
        (ThriftProtocol::Binary, BINARY, &["jaeger-binary"]),
    ] {
        let good = message(text)?;
        let packets = [mutated(&good), hostile(protocol), vec![good]].concat();
        for port in ports {
            let before = all;
            all = throw(&spoor, port, protocol, &packets, before).await?;
            let (errors, spans) = (all.errors - before.errors, all.spans - before.spans);
            ensure!(errors > 300.0 && spans > 100.0, "of both kinds: {errors} errors, {spans} spans");
        }
    }
    eventually("each good one is delivered", PATIENCE, || async {
        let metrics = spoor.metrics().await?;
        let delivered = metrics.sum("spoor_agent_spans_delivered_total", "");
        let without_ids = metrics.sum("spoor_agent_spans_dropped_total", "reason=\"ids\"");
        ensure!(delivered + without_ids == all.spans, "{delivered} and {without_ids} of {}", all.spans);
        Ok(())
    })
    .await?;
    let (_, answer) = spoor.query("/api/traces/00000000000000010000000000000002").await?;
    let spans = answer["data"][0]["spans"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(
        spans.iter().any(|span| span["operationName"] == "get" && span["startTime"] == 1_000),
        "{answer}"
    );
    ensure!(!spoor.log().contains("panicked"), "{}", spoor.log());
    let ended = spoor.stop().await?;
    ensure!(ended.status.success(), "{}", ended.log);
    Ok(())
}
