//! Questions for sampling strategies.

use tokio::io::AsyncWriteExt;

use crate::fixture::{Collector, PATIENCE, Running, until};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;

async fn get(running: &Running, path: &str) -> (u16, String) {
    let ask = async {
        let stream = tokio::net::TcpStream::connect(running.http).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request =
            http::Request::get(path).header("host", "agent").body(Empty::<bytes::Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    tokio::time::timeout(PATIENCE, ask).await.unwrap()
}

const CONNECTED: &str = "jaeger_agent_connection_status_collector_connected";

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_is_the_collectors_and_outlives_its_absence() {
    let collector = Collector::default();
    let (address, server) = collector.serve("127.0.0.1:0");
    let running = Running::start(&address.to_string(), &["--agent.sampling-cache-ttl=0s"]);
    running.until(CONNECTED, 1.0).await;
    let told = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.25}}"#;
    assert_eq!(get(&running, "/sampling?service=shop").await, (200, told.to_owned()));
    let legacy = told.replace("\"PROBABILISTIC\"", "0");
    assert_eq!(get(&running, "/?service=shop").await, (200, legacy));
    // One that it was slow to answer was asked again.
    assert!(collector.questions() >= 2, "{}", collector.questions());
    server.abort();
    until(|| running.metric(CONNECTED) < 0.5).await;
    assert_eq!(get(&running, "/sampling?service=shop").await, (200, told.to_owned()));
    let (status, text) = get(&running, "/sampling?service=other").await;
    assert!(status == 500 && text.starts_with("collector error: "), "{status} {text}");
    let (status, text) = get(&running, "/baggageRestrictions?service=shop").await;
    assert!(status == 500 && text.starts_with("collector error: "), "{status} {text}");
    assert_eq!(get(&running, "/sampling").await.0, 400);
    let proxied = |result: &str, endpoint: &str| {
        running.metric(&format!(
            "jaeger_agent_collector_proxy_total{{result=\"{result}\",endpoint=\"{endpoint}\"}}"
        ))
    };
    assert!(proxied("ok", "sampling") > 1.5 && proxied("err", "sampling") > 1.5);
    assert_eq!((proxied("ok", "baggage"), proxied("err", "baggage")), (0.0, 1.0));
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_strategy_is_told_from_memory() {
    let collector = Collector::default();
    let (address, _server) = collector.serve("127.0.0.1:0");
    let running = Running::start(&address.to_string(), &["--agent.sampling-cache-ttl=1h"]);
    running.until(CONNECTED, 1.0).await;
    assert_eq!(get(&running, "/sampling?service=shop").await.0, 200);
    // Twice, if it was slow to answer.
    let asked = collector.questions();
    for _ in 0..5 {
        assert_eq!(get(&running, "/sampling?service=shop").await.0, 200);
    }
    assert!(asked > 0);
    assert_eq!(collector.questions(), asked);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_question_does_not_hold_up_the_end() {
    let running = Running::start("127.0.0.1:1", &["--agent.drain-timeout=1s"]);
    let mut connection = tokio::net::TcpStream::connect(running.http).await.unwrap();
    connection.write_all(b"GET /samp").await.unwrap();
    // A whole one behind it is answered, so the half one has come.
    get(&running, "/sampling?service=any").await;
    // The port waits for the rest of a question for longer than this.
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_answer_leaves_the_others_their_time() {
    let (silent, good) = (Collector::silent(), Collector::default());
    let ((one, _one), (other, _other)) = (silent.serve("127.0.0.1:0"), good.serve("127.0.0.1:0"));
    let running = Running::start(&format!("{one},{other}"), &["--agent.sampling-cache-ttl=0s"]);
    running.until(CONNECTED, 1.0).await;
    let from_memory = || running.metric("spoor_agent_sampling_stale_answers_total");
    let answered = async {
        loop {
            let before = (silent.questions(), from_memory());
            let (status, _) = get(&running, "/sampling?service=shop").await;
            let (is_silent_asked, is_new) = (silent.questions() > before.0, from_memory() - before.1 < 0.5);
            // Not so until both are connected, nor when the good one was slow.
            if status == 200 && is_new && is_silent_asked {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.expect("the good one is asked behind the silent one");
    running.end().await;
}
