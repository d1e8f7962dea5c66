//! Listing and describing, as `grpcurl` does it.

use std::collections::BTreeSet;

use futures::{Stream, StreamExt};
use prost::Message as _;
use prost_types::FileDescriptorProto;
use tonic::transport::Channel;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::*;

fn ask(message_request: MessageRequest) -> ServerReflectionRequest {
    ServerReflectionRequest { host: String::new(), message_request: Some(message_request) }
}

/// A conversation over a connection.
pub(super) async fn talk(
    channel: Channel,
    questions: impl Stream<Item = ServerReflectionRequest> + Send + 'static,
) -> Streaming<ServerReflectionResponse> {
    ServerReflectionClient::new(channel).server_reflection_info(questions).await.unwrap().into_inner()
}

async fn answer(question: MessageRequest) -> MessageResponse {
    let router = over(&[], Stores::new(Arc::new(FakeReader::new(Script::Hang))));
    let mut client = ServerReflectionClient::new(router);
    let answers = client.server_reflection_info(futures::stream::iter([ask(question)])).await.unwrap();
    answers.into_inner().next().await.unwrap().unwrap().message_response.unwrap()
}

async fn files(question: MessageRequest) -> Vec<FileDescriptorProto> {
    match answer(question).await {
        MessageResponse::FileDescriptorResponse(found) => {
            let files = found.file_descriptor_proto.iter();
            files.map(|file| FileDescriptorProto::decode(&file[..]).unwrap()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_services_of_this_port_are_listed_and_no_others() {
    let MessageResponse::ListServicesResponse(list) =
        answer(MessageRequest::ListServices(String::new())).await
    else {
        panic!("no list");
    };
    let names: BTreeSet<String> = list.service.into_iter().map(|service| service.name).collect();
    let expected = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "jaeger.api_v2.QueryService",
        "jaeger.api_v3.QueryService",
    ];
    assert_eq!(names, expected.map(str::to_owned).into());
}

/// A client follows the imports until it knows every type.
#[tokio::test]
async fn everything_behind_a_service_is_described() {
    for service in ["jaeger.api_v2.QueryService", "jaeger.api_v3.QueryService", "grpc.health.v1.Health"] {
        let mut known: Vec<FileDescriptorProto> =
            files(MessageRequest::FileContainingSymbol(service.to_owned())).await;
        let mut next = 0;
        while next < known.len() {
            for import in known[next].dependency.clone() {
                if !known.iter().any(|file| file.name() == import) {
                    known.extend(files(MessageRequest::FileByFilename(import)).await);
                }
            }
            next += 1;
        }
        let has = |name: &str| known.iter().any(|file| file.name() == name);
        if service == "jaeger.api_v3.QueryService" {
            assert!(has("opentelemetry/proto/trace/v1/trace.proto"));
            assert!(has("opentelemetry/proto/common/v1/common.proto"));
        }
    }
    let files = files(MessageRequest::FileContainingSymbol("opentelemetry.proto.trace.v1.Span".into())).await;
    let span = files[0].message_type.iter().find(|message| message.name() == "Span").unwrap();
    let fields: Vec<_> = span.field.iter().map(|field| (field.name(), field.number())).collect();
    assert!(fields.contains(&("start_time_unix_nano", 7)) && fields.contains(&("flags", 16)), "{fields:?}");
}

#[tokio::test]
async fn the_older_version_answers_too() {
    use tonic_reflection::pb::v1alpha;
    use v1alpha::server_reflection_client::ServerReflectionClient as Older;
    use v1alpha::server_reflection_request::MessageRequest;
    let router = over(&[], Stores::new(Arc::new(FakeReader::new(Script::Hang))));
    let question = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::FileContainingSymbol("jaeger.api_v2.Span".into())),
    };
    let answers = Older::new(router).server_reflection_info(futures::stream::iter([question])).await.unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap().message_response.unwrap();
    let v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(found) = answer else {
        panic!("{answer:?}");
    };
    let file = FileDescriptorProto::decode(&found.file_descriptor_proto[0][..]).unwrap();
    assert_eq!(file.name(), "jaeger/api_v2/model.proto");
}
