//! An endpoint of own traces, by HTTP, that keeps what it is sent.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use spoor_tests::eventually;

use crate::{PATIENCE, SOON};

type Spans = Arc<Mutex<Vec<Span>>>;

pub(crate) struct Endpoint {
    address: String,
    spans: Spans,
}

async fn take(State(spans): State<Spans>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    spans.lock().expect("nobody panics").extend(scopes.flat_map(|scope| scope.spans));
    StatusCode::OK
}

impl Endpoint {
    pub(crate) async fn start() -> Result<Self> {
        let spans = Spans::default();
        let router =
            Router::new().route("/v1/traces", axum::routing::post(take)).with_state(Arc::clone(&spans));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, spans })
    }

    /// Flags of a process that sends here, soon, what its callers sample.
    pub(crate) fn flags(&self) -> [String; 4] {
        [
            "--otel.exporter.otlp.protocol=http/protobuf".to_owned(),
            format!("--otel.exporter.otlp.endpoint=http://{}", self.address),
            "--otel.traces.sampler=parentbased_always_off".to_owned(),
            SOON.to_owned(),
        ]
    }

    /// The next span of that name, which is waited for and not found again.
    pub(crate) async fn next(&self, name: &str) -> Result<Span> {
        eventually("an own span comes", PATIENCE, || async {
            let mut spans = self.spans.lock().expect("nobody panics");
            let place = spans.iter().position(|span| span.name == name);
            let names = || spans.iter().map(|span| span.name.clone()).collect::<Vec<_>>();
            let place = place.with_context(|| format!("there is no {name} among {:?}", names()))?;
            Ok(spans.remove(place))
        })
        .await
    }
}

/// A text or number of a span, as text.
pub(crate) fn attribute(span: &Span, key: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Bytes of an id as it is written.
pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
