//! One request at one node: its headers, its body as the node takes it, and a second try where the first was refused for
//! what it carried around the question rather than for the question.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use spoor_storage::Credentials;
use spoor_storage::write::LONGEST_WISH;
use spoor_tracer::OwnSpan;

use super::auth::Authorization;
use super::nodes::Node;
use super::request::JSON;
use super::{Cause, Chunks, Client, NodeUrl, Refusal, Request, bounded, compression, error, transport};
use crate::QuestionMethod;

/// The store lists work under way with it.
const OPAQUE_ID: HeaderName = HeaderName::from_static("x-opaque-id");
/// W3C Trace Context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// A request on its way, possibly to several nodes one after another.
pub(super) struct Exchange<'a> {
    client: &'a Client,
    caller: Option<&'a Credentials>,
    request: &'a Request,
    /// Made when a node takes it, and kept for the next one.
    zipped: Option<Chunks>,
    /// By which the store and what is before it know whose part the request is.
    traceparent: Option<HeaderValue>,
}

impl Client {
    pub(super) fn exchange<'a>(
        &'a self,
        caller: Option<&'a Credentials>,
        request: &'a Request,
    ) -> Exchange<'a> {
        Exchange { client: self, caller, request, zipped: None, traceparent: None }
    }

    /// The method by which the request is sent.
    pub(super) fn method(&self, request: &Request) -> Method {
        let by_get = self.question_method == QuestionMethod::Get && request.is_question();
        if by_get { Method::GET } else { request.method.clone() }
    }
}

impl Exchange<'_> {
    /// What is sent from now on is a part of this span.
    pub(super) fn within(&mut self, span: &OwnSpan) {
        self.traceparent = span.traceparent();
    }

    /// Asks the node; the body of a 2xx answer.
    pub(super) async fn with(&mut self, node: &Node) -> Result<Bytes, Cause> {
        let Client { auth, compressor, .. } = self.client;
        let url = &node.url;
        let mut authorization = auth.authorize(url, self.caller).await?;
        let zips = compressor.takes(url, &self.request.body);
        let mut result = self.attempt(url, &authorization, zips).await;
        if status(&result) == Some(StatusCode::UNAUTHORIZED)
            && let Some(renewed) = auth.renewed(&authorization).await
        {
            authorization = renewed;
            result = self.attempt(url, &authorization, zips).await;
        }
        if zips && result.is_ok() {
            node.took_zipped();
        }
        // Neither answer leaves anything done. 400 may as well mean the question; then the plain one gets it, too.
        if zips && status(&result).is_some_and(|status| may_mean_encoding(status, node)) {
            result = self.attempt(url, &authorization, false).await;
            if result.is_ok() {
                compressor.give_up(url);
            }
        }
        if let Err(Cause::Status(refusal)) = &mut result
            && let Some(advice) = auth.advice(&authorization, refusal.status)
        {
            refusal.reason = format!("{}; {advice}", refusal.reason);
        }
        result
    }

    async fn attempt(
        &mut self,
        node: &NodeUrl,
        authorization: &Authorization,
        zips: bool,
    ) -> Result<Bytes, Cause> {
        let body = if zips { self.zipped().await } else { self.request.body.clone() };
        let message = self.message(node, authorization, body, zips)?;
        let (head, body) = self.client.transport.send(message).await?;
        let largest = self.request.largest_answer;
        let mut body = transport::read_body(body, largest).await?;
        if head.headers.get(CONTENT_ENCODING) == Some(&GZIP) {
            body = compression::gunzip(body, largest).await?;
        }
        if head.status.is_success() {
            return Ok(body);
        }
        Err(Cause::Status(Refusal {
            status: head.status,
            reason: error::reason_of(&body),
            retry_after: retry_after(&head.headers),
        }))
    }

    async fn zipped(&mut self) -> Chunks {
        if self.zipped.is_none() {
            self.zipped = Some(compression::gzip(&self.request.body).await);
        }
        self.zipped.clone().unwrap_or_default()
    }

    fn message(
        &self,
        node: &NodeUrl,
        authorization: &Authorization,
        body: Chunks,
        zips: bool,
    ) -> Result<http::Request<Chunks>, Cause> {
        let Self { client, request, .. } = self;
        let uri = node.join(&request.path_and_query).ok_or_else(|| {
            Cause::Malformed(format!("the address {node}{} is not valid", bounded(&request.path_and_query)))
        })?;
        let mut message = http::Request::new(body);
        *message.uri_mut() = uri;
        *message.method_mut() = client.method(request);
        let headers = message.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("spoor/", env!("CARGO_PKG_VERSION"))));
        for header in &client.headers {
            headers.insert(&header.name, header.value.clone());
        }
        headers.insert(ACCEPT, JSON);
        if let Some(id) = &request.opaque_id {
            let id = HeaderValue::from_str(id);
            headers.insert(
                OPAQUE_ID,
                id.map_err(|_| Cause::Malformed("a mark that no header can carry".to_owned()))?,
            );
        }
        if let Some(traceparent) = &self.traceparent {
            headers.insert(TRACEPARENT, traceparent.clone());
        }
        if client.compressor.is_on(node) {
            headers.insert(ACCEPT_ENCODING, GZIP);
        }
        if zips {
            headers.insert(CONTENT_ENCODING, GZIP);
        }
        if let Some(content_type) = &request.content_type {
            headers.insert(CONTENT_TYPE, content_type.clone());
        }
        if let Some(authorization) = &authorization.header {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(message)
    }
}

fn status(result: &Result<Bytes, Cause>) -> Option<StatusCode> {
    match result {
        Err(Cause::Status(refusal)) => Some(refusal.status),
        _ => None,
    }
}

fn may_mean_encoding(status: StatusCode, node: &Node) -> bool {
    match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => true,
        StatusCode::BAD_REQUEST => !node.unzips(),
        _ => false,
    }
}

/// Senders of spans are told of it, too.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WISH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_be_left_alone_for_a_day_is_heard_as_one_for_a_minute() {
        let told = |text: &'static str| {
            let headers = [(RETRY_AFTER, HeaderValue::from_static(text))].into_iter().collect();
            retry_after(&headers).map(|wish| wish.as_secs())
        };
        assert_eq!(
            ["5", " 60 ", "86400", "18446744073709551615", "soon"].map(told),
            [Some(5), Some(60), Some(60), Some(60), None]
        );
    }
}
