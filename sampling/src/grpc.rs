//! Strategies by gRPC: `jaeger.api_v2.SamplingManager/GetSamplingStrategy`, as jaeger-agent and OpenTelemetry's Java sampler ask.

use std::sync::Arc;

use axum::Router;
use spoor_proto::jaeger::api_v2::sampling_manager_server::{SamplingManager, SamplingManagerServer};
use spoor_proto::jaeger::api_v2::{SamplingStrategyParameters, SamplingStrategyResponse};
use tonic::codec::CompressionEncoding::Gzip;
use tonic::{Request, Response, Status};

use crate::StrategyProvider;

/// The service's name, for health checks too.
pub const SERVICE: &str = "jaeger.api_v2.SamplingManager";

/// The largest question, in bytes, compressed or not: it holds the name of a service.
const LIMIT: usize = 64 << 10;

/// Adds the service to a gRPC port's routes. It reads gzip, and answers with it whoever takes it.
pub fn add_to(routes: Router, provider: Arc<dyn StrategyProvider>) -> Router {
    let service = SamplingManagerServer::new(Manager(provider)).max_decoding_message_size(LIMIT);
    let service = service.accept_compressed(Gzip).send_compressed(Gzip);
    routes.route_service(&format!("/{SERVICE}/{{method}}"), service)
}

struct Manager(Arc<dyn StrategyProvider>);

#[tonic::async_trait]
impl SamplingManager for Manager {
    async fn get_sampling_strategy(
        &self,
        request: Request<SamplingStrategyParameters>,
    ) -> Result<Response<SamplingStrategyResponse>, Status> {
        let service = request.into_inner().service_name;
        match self.0.strategy(&service).await {
            Ok(strategy) => Ok(Response::new(SamplingStrategyResponse::from(&*strategy))),
            // The code that Go's gRPC gives an error without one.
            Err(error) => Err(Status::unknown(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::service::Routes;
    use tower::ServiceExt;

    use super::*;
    use crate::{Strategy, StrategyError};

    struct Quarter;

    #[tonic::async_trait]
    impl StrategyProvider for Quarter {
        async fn strategy(&self, _: &str) -> Result<Arc<Strategy>, StrategyError> {
            Ok(Arc::new(Strategy::probabilistic(0.25)))
        }
    }

    fn gzip(message: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, message).unwrap();
        encoder.finish().unwrap()
    }

    /// Asks with a framed message; answers the code, the encoding of the answer, and its frame.
    async fn ask(flag: u8, message: &[u8], takes_gzip: bool) -> (i32, Option<String>, Vec<u8>) {
        let routes = add_to(Routes::default().into_axum_router(), Arc::new(Quarter));
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let body = [&[flag][..], &length, message].concat();
        let mut request = http::Request::post(format!("/{SERVICE}/GetSamplingStrategy"))
            .header("content-type", "application/grpc");
        if flag == 1 {
            request = request.header("grpc-encoding", "gzip");
        }
        if takes_gzip {
            request = request.header("grpc-accept-encoding", "identity,gzip");
        }
        let request = request.body(axum::body::Body::from(body)).unwrap();
        let (head, body) = routes.oneshot(request).await.unwrap().into_parts();
        let encoding = head.headers.get("grpc-encoding").map(|name| name.to_str().unwrap().to_owned());
        let body = http_body_util::BodyExt::collect(body).await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        let status = Status::from_header_map(&head.headers).or_else(|| Status::from_header_map(&trailers));
        (status.unwrap().code() as i32, encoding, body.to_bytes().to_vec())
    }

    #[tokio::test]
    async fn gzip_is_read_and_answered_to_whoever_takes_it() {
        // Field 1: the name "shop"; field 2: a probability.
        let question = b"\x0a\x04shop";
        let answer = b"\x12\x09\x09\0\0\0\0\0\0\xd0\x3f";
        for (flag, question) in [(0, question.to_vec()), (1, gzip(question))] {
            let plain = [&[0, 0, 0, 0, 11][..], answer].concat();
            assert_eq!(ask(flag, &question, false).await, (0, None, plain));
            let (code, encoding, frame) = ask(flag, &question, true).await;
            assert_eq!((code, encoding.as_deref(), frame[0]), (0, Some("gzip"), 1));
            let mut message = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&frame[5..]), &mut message).unwrap();
            assert_eq!(message, answer);
        }
    }

    #[tokio::test]
    async fn a_question_larger_than_a_name_is_refused_however_it_is_packed() {
        let name = [&b"\x0a\x80\x80\x40"[..], &vec![b'x'; 1 << 20]].concat();
        for (flag, question) in [(0, name.clone()), (1, gzip(&name))] {
            let (code, ..) = ask(flag, &question, false).await;
            assert!(
                [tonic::Code::OutOfRange as i32, tonic::Code::ResourceExhausted as i32].contains(&code),
                "{code}"
            );
        }
        assert_ne!(ask(1, b"no gzip", false).await.0, 0);
    }
}
