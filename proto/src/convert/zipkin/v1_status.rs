//! How a v1 span ended, by its tags: what OpenCensus wrote counts first, then OpenTelemetry's status, the tag `error`, and the HTTP
//! status code last.

use spoor_model::jaeger::{ERROR, STATUS_CODE, STATUS_DESCRIPTION};
use spoor_model::{SpanBatch, StatusCode, Text, Value};

/// Takes a span's tags in turn.
#[derive(Default)]
pub(super) struct StatusMapper {
    census: Option<StatusCode>,
    census_message: Text,
    status: Option<StatusCode>,
    message: Text,
    failed: bool,
    http: Option<StatusCode>,
    http_message: Text,
}

impl StatusMapper {
    /// True when the tag is consumed; the others stay attributes.
    pub(super) fn takes(&mut self, batch: &SpanBatch, key: Text, value: Value) -> bool {
        let text = match value {
            Value::Str(text) => text,
            _ => Text::EMPTY,
        };
        match batch.str(key) {
            "census.status_code" => {
                let code = integer(batch, value).map(census_code);
                self.census = code.or(self.census);
                code.is_some()
            }
            "census.status_description" | "opencensus.status_description" => {
                self.census_message = text;
                true
            }
            STATUS_CODE => {
                let code = status_code(batch, value);
                self.status = code.or(self.status);
                code.is_some()
            }
            STATUS_DESCRIPTION => {
                self.message = text;
                true
            }
            "http.status_code" => {
                self.http = integer(batch, value).map(http_code).or(self.http);
                false
            }
            "http.status_message" => {
                self.http_message = text;
                false
            }
            ERROR => self.takes_error(batch, value),
            _ => false,
        }
    }

    /// The tag says that there was an error by being there, unless it says no. What it tells beyond that is kept.
    fn takes_error(&mut self, batch: &SpanBatch, value: Value) -> bool {
        let (is_failed, says_more) = match value {
            Value::Bool(failed) => (failed, false),
            Value::Str(text) => match batch.bytes(text) {
                b"" | b"true" => (true, false),
                b"false" => (false, true),
                _ => (true, true),
            },
            _ => (true, true),
        };
        self.failed |= is_failed;
        is_failed && !says_more
    }

    /// The status and its message.
    pub(super) fn status(&self) -> (StatusCode, Text) {
        if let Some(code) = self.census {
            return (code, self.census_message);
        }
        if let Some(code) = self.status {
            return (code, self.message);
        }
        if self.failed {
            let message = if self.census_message.is_empty() { self.message } else { self.census_message };
            return (StatusCode::Error, message);
        }
        match self.http {
            Some(code) => (code, self.http_message),
            None => (StatusCode::Unset, Text::EMPTY),
        }
    }
}

fn integer(batch: &SpanBatch, value: Value) -> Option<i32> {
    match value {
        Value::Int(number) => i32::try_from(number).ok(),
        Value::Str(text) => batch.str(text).parse().ok(),
        _ => None,
    }
}

/// 0 is good in OpenCensus, as in gRPC.
fn census_code(code: i32) -> StatusCode {
    if code == 0 { StatusCode::Ok } else { StatusCode::Error }
}

fn http_code(code: i32) -> StatusCode {
    if (100..400).contains(&code) { StatusCode::Unset } else { StatusCode::Error }
}

/// OpenTelemetry's number, or its word.
fn status_code(batch: &SpanBatch, value: Value) -> Option<StatusCode> {
    if let Some(number) = integer(batch, value) {
        return Some(StatusCode::from_number(i64::from(number)));
    }
    match value {
        Value::Str(text) => match batch.str(text) {
            "UNSET" => Some(StatusCode::Unset),
            "OK" => Some(StatusCode::Ok),
            "ERROR" => Some(StatusCode::Error),
            _ => None,
        },
        _ => None,
    }
}
