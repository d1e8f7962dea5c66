//! Claims that need a real connection: hanging up, streaming, ending.

use std::sync::atomic::Ordering;
use std::time::Duration;

use spoor_proto::jaeger::api_v3::GetTraceRequest;
use tokio::task::JoinHandle;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::*;
use crate::server::Query;

/// A running role.
struct Running {
    endpoint: Endpoint,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
    registry: Registry,
}

impl Running {
    fn start(reader: Arc<FakeReader>) -> Self {
        let config = config(&[
            "--query.http-server.host-port=127.0.0.1:0",
            "--query.grpc-server.host-port=127.0.0.1:0",
        ]);
        let sockets = Query::bind(&config).unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", sockets.grpc_addr())).unwrap();
        let mut registry = Registry::default();
        let query =
            Query::build(&config, Tenancy::off(), sockets, Stores::new(reader), "{}", &mut registry).unwrap();
        let stop = CancellationToken::new();
        Self { endpoint, task: tokio::spawn(query.run(stop.clone())), stop, registry }
    }

    fn running(&self) -> bool {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        !text.contains("spoor_query_running 0\n")
    }
}

async fn until(condition: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_secs(10), async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the condition holds within ten seconds");
}

fn trace_a() -> GetTraceRequest {
    GetTraceRequest { trace_id: "a".into(), raw_traces: true, ..Default::default() }
}

#[tokio::test]
async fn a_client_that_cancels_ends_the_work_for_it() {
    let reader = Arc::new(FakeReader::new(Script::Hang));
    let running = Running::start(reader.clone());
    let mut client = ClientV3::new(running.endpoint.connect().await.unwrap());
    let call = tokio::spawn(async move { client.get_trace(trace_a()).await.map(|_| ()) });
    until(|| reader.working.load(Ordering::SeqCst) == 1).await;
    assert!(running.running());
    call.abort();
    until(|| reader.working.load(Ordering::SeqCst) == 0).await;
    until(|| !running.running()).await;
}

#[tokio::test]
async fn a_client_that_cancels_in_the_middle_of_an_answer_gives_its_room_back() {
    let script = Script::HangAfter(vec![plain_trace(0xa, 200_000)]);
    let running = Running::start(Arc::new(FakeReader::new(script)));
    let mut client = ClientV3::new(running.endpoint.connect().await.unwrap());
    let mut answer = client.get_trace(trace_a()).await.unwrap().into_inner();
    answer.message().await.unwrap().unwrap();
    until(|| running.running()).await; // The rest is being read.
    drop(answer);
    until(|| !running.running()).await;
}

#[tokio::test]
async fn an_answer_in_flight_is_sent_to_its_end_when_the_role_stops() {
    let running = Running::start(Arc::new(FakeReader::new(Script::Parts(vec![plain_trace(0xa, 200_000)]))));
    let mut client = ClientV3::new(running.endpoint.connect().await.unwrap());
    let mut answer = client.get_trace(trace_a()).await.unwrap().into_inner();
    let first = answer.message().await.unwrap().unwrap();
    running.stop.cancel();
    let rest: Vec<_> = answer.try_collect().await.unwrap();
    let spans = |message: &opentelemetry_proto::tonic::trace::v1::TracesData| -> usize {
        let scopes = message.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.map(|scope| scope.spans.len()).sum()
    };
    assert_eq!(spans(&first) + rest.iter().map(spans).sum::<usize>(), 200_000);
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn each_service_says_that_it_serves_and_no_other_does() {
    let running = Running::start(Arc::new(FakeReader::new(Script::Hang)));
    let mut health = HealthClient::new(running.endpoint.connect().await.unwrap());
    let mut check = async |service: &str| {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await;
        answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
    };
    for service in ["", "jaeger.api_v2.QueryService", "jaeger.api_v3.QueryService"] {
        assert_eq!(check(service).await, Ok(ServingStatus::Serving), "{service}");
    }
    let gone = check("jaeger.api_v2.metrics.MetricsQueryService").await;
    assert_eq!(gone, Err(tonic::Code::NotFound));
}

#[tokio::test]
async fn whoever_watches_or_reflects_does_not_hold_up_the_end() {
    let running = Running::start(Arc::new(FakeReader::new(Script::Hang)));
    let channel = running.endpoint.connect().await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    let mut watched = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let mut conversation = reflection::talk(channel, futures::stream::pending()).await;
    running.stop.cancel();
    running.task.await.unwrap().unwrap();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(conversation.message().await.unwrap().is_none(), "it ends in good order");
}
