//! Lists count among the bytes of answers until they are sent, and not only until they are made.

use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use prost::Message;
use spoor_model::{DependencyReport, ServiceCalls, UnixNanos};
use spoor_proto::jaeger::{api_v2, api_v3};
use spoor_storage::DependencyStore;
use tower::ServiceExt;

use super::memory_store::{context, memory};
use super::*;

async fn ask(router: &Router, path: &str, message: &impl Message) -> Response<Body> {
    let mut body = vec![0];
    body.extend_from_slice(&u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    message.encode(&mut body).unwrap();
    let request = Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
}

/// The status, and the message where there is one.
async fn taken(answer: Response<Body>) -> (String, Bytes) {
    let in_headers = answer.headers().get("grpc-status").cloned();
    let body = answer.into_body().collect().await.unwrap();
    let status =
        in_headers.or_else(|| body.trailers().and_then(|trailers| trailers.get("grpc-status").cloned()));
    let message = body.to_bytes();
    (status.unwrap().to_str().unwrap().to_owned(), message.slice(message.len().min(5)..))
}

const FULL: &str = "8";

#[tokio::test]
async fn a_list_that_is_not_sent_yet_takes_its_room() {
    let mut reader = FakeReader::new(Script::Hang);
    reader.services = vec!["a".repeat(400 << 10)];
    let router = over(&["--query.max-bytes-in-flight=1MiB"], Stores::new(Arc::new(reader)));
    for path in ["/jaeger.api_v2.QueryService/GetServices", "/jaeger.api_v3.QueryService/GetServices"] {
        let sending = ask(&router, path, &api_v3::GetServicesRequest {}).await;
        assert_eq!(taken(ask(&router, path, &api_v3::GetServicesRequest {}).await).await.0, FULL);
        let (status, message) = taken(sending).await;
        let answer = api_v3::GetServicesResponse::decode(message).unwrap();
        assert_eq!((status.as_str(), answer.services[0].len()), ("0", 400 << 10));
    }
    let unread =
        ask(&router, "/jaeger.api_v3.QueryService/GetServices", &api_v3::GetServicesRequest {}).await;
    drop(unread);
    tokio::task::yield_now().await;
    let again = ask(&router, "/jaeger.api_v3.QueryService/GetServices", &api_v3::GetServicesRequest {}).await;
    assert_eq!(taken(again).await.0, "0", "who hangs up gives it back");
}

#[tokio::test]
async fn dependencies_that_are_not_sent_yet_take_their_room() {
    let store = memory(Vec::new()).await;
    let calls = vec![ServiceCalls { parent: "a".repeat(400 << 10), child: "b".into(), call_count: 3 }];
    let report = DependencyReport { day: UnixNanos(1), source: "jaeger".into(), calls };
    store.write_dependencies(&context(), &report).await.unwrap();
    let stores = Stores { dependencies: Some(store.clone()), ..Stores::new(store) };
    let router = over(&["--query.max-bytes-in-flight=1MiB"], stores);
    let question = api_v2::GetDependenciesRequest { start_time: at(0), end_time: at(1) };
    for path in ["/jaeger.api_v2.QueryService/GetDependencies", "/jaeger.api_v3.QueryService/GetDependencies"]
    {
        let sending = ask(&router, path, &question).await;
        assert_eq!(taken(ask(&router, path, &question).await).await.0, FULL);
        let (status, message) = taken(sending).await;
        assert!(status == "0" && message.len() > 400 << 10, "{status}: {} bytes", message.len());
    }
}

#[tokio::test]
async fn a_list_that_is_cut_says_so_in_its_metadata() {
    for cuts in [true, false] {
        let mut reader = FakeReader::new(Script::Hang);
        reader.services = vec!["shop".to_owned()];
        reader.cuts = cuts;
        let mut port = Port::new(&[], reader);
        let said = |metadata: &tonic::metadata::MetadataMap| {
            assert_eq!(
                metadata.get("x-spoor-cut").map(|said| said.as_bytes()),
                cuts.then_some(&b"names"[..])
            );
        };
        said(port.v2.get_services(api_v2::GetServicesRequest {}).await.unwrap().metadata());
        said(port.v2.get_operations(api_v2::GetOperationsRequest::default()).await.unwrap().metadata());
        said(port.v3.get_services(api_v3::GetServicesRequest {}).await.unwrap().metadata());
        said(port.v3.get_operations(api_v3::GetOperationsRequest::default()).await.unwrap().metadata());
    }
}
