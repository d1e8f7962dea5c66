//! Spans of this process's own requests to the store, one for each node that is asked.
//! Facts: OpenTelemetry's semantic conventions for Elasticsearch clients. What is asked for, and the store's words on it, are not in them: values are what people
//! search for.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use spoor_tracer::{Attempt, KeyValue, OwnSpan, SpanKind};

use super::{Cause, NodeUrl};

/// Longer lists of indices are cut.
const LONGEST_COLLECTION: usize = 128;

/// Begins the span of one request to one node.
pub(super) fn begin(parent: &OwnSpan, method: &Method, path_and_query: &str, node: &NodeUrl) -> Attempt {
    if !parent.is_recorded() {
        return Attempt::of(OwnSpan::default());
    }
    let path = path_and_query.split('?').next().unwrap_or_default();
    let (collection, operation) = parts(path);
    let name = match collection {
        "" => operation.to_owned(),
        collection => format!("{operation} {collection}"),
    };
    let span = parent.child(SpanKind::Client, name, || {
        let mut attributes = vec![
            // What OpenSearch is spoken to in, too.
            KeyValue::new("db.system.name", "elasticsearch"),
            KeyValue::new("db.operation.name", operation.to_owned()),
            KeyValue::new("http.request.method", method.to_string()),
            KeyValue::new("server.address", node.host().to_owned()),
        ];
        attributes.extend(node.port().map(|port| KeyValue::new("server.port", i64::from(port))));
        if !collection.is_empty() {
            attributes.push(KeyValue::new("db.collection.name", collection.to_owned()));
        }
        attributes
    });
    Attempt::of(span)
}

/// Ends it by the node's answer.
pub(super) fn end(attempt: Attempt, result: Result<&Bytes, &Cause>) {
    let Err(cause) = result else { return attempt.end(|_| {}) };
    attempt.end(|span| {
        let (kind, why) = told(cause);
        if let Cause::Status(_) = cause {
            span.set(KeyValue::new("db.response.status_code", kind.to_string()));
        }
        span.fail(kind, why);
    });
}

fn told(cause: &Cause) -> (Cow<'static, str>, &'static str) {
    match cause {
        Cause::Status(refusal) => {
            (refusal.status.as_u16().to_string().into(), "the node refused the request")
        }
        Cause::Connect(_) => ("connect".into(), "there was no connection to the node"),
        Cause::Broken(_) => ("broken".into(), "the connection broke before the answer was whole"),
        Cause::TimedOut | Cause::OwnTimeOut => ("timeout".into(), "there was no answer in time"),
        Cause::Token => ("token".into(), "the caller's token could not be sent"),
        Cause::TooLarge(_) => ("too_large".into(), "the answer was larger than what is taken"),
        Cause::Malformed(_) => ("malformed".into(), "the answer was not what the request calls for"),
    }
}

/// Indices, and what is done with them: `/a,b/_search` searches `a,b`, `/_bulk` is for all.
fn parts(path: &str) -> (&str, &str) {
    let path = path.trim_matches('/');
    let (collection, rest) = match path.split_once('/') {
        _ if path.starts_with('_') => ("", path),
        Some((collection, rest)) => (collection, rest),
        None => (path, ""),
    };
    let operation = rest.split('/').next().unwrap_or_default().trim_start_matches('_');
    let collection = &collection[..collection.floor_char_boundary(LONGEST_COLLECTION)];
    (collection, if operation.is_empty() { "request" } else { operation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_by_what_it_does_and_with_which_indices() {
        for (path, expected) in [
            ("/jaeger-span-*,remote:jaeger-span-*/_search", ("jaeger-span-*,remote:jaeger-span-*", "search")),
            ("/_msearch", ("", "msearch")),
            ("/_search/scroll", ("", "search")),
            ("/jaeger-lock/_doc/leader", ("jaeger-lock", "doc")),
            ("/jaeger-span-1", ("jaeger-span-1", "request")),
            ("/", ("", "request")),
        ] {
            assert_eq!(parts(path), expected, "{path}");
        }
        let long = format!("/{}/_search", "ä".repeat(1_000));
        assert!(parts(&long).0.len() <= LONGEST_COLLECTION);
    }
}
