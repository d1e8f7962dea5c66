//! What is asked, in which share, and what an answer must be like.

use anyhow::{Context, Result, ensure};
use reqwest::Url;
use serde_json::Value;
use spoor_tests::asking::{Expected, Kind, Question, Window, choose};

/// Different questions of a kind.
const OF_A_KIND: usize = 300;

/// A kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// By HTTP v1, as the latency benchmark asks.
    Traces(Kind),
    /// `GET /api/services`.
    Services,
    /// `GET /api/v3/operations`.
    Operations,
    /// `GET /api/v3/traces/{id}`.
    OtlpTrace,
    /// `GET /api/v3/trace-summaries` for 20 traces of a service.
    Summaries,
}

impl Asked {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let others = [Self::Services, Self::Operations, Self::OtlpTrace, Self::Summaries];
        Kind::ALL.map(Self::Traces).into_iter().chain(others)
    }

    /// Its part of the figures' names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Traces(kind) => kind.name(),
            Self::Services => "services",
            Self::Operations => "operations",
            Self::OtlpTrace => "otlp_trace",
            Self::Summaries => "summaries",
        }
    }

    pub(crate) fn method(self) -> String {
        match self {
            Self::Traces(kind) => kind.method(),
            Self::Services => "all services, v1".to_owned(),
            Self::Operations => "a service's operations, v3".to_owned(),
            Self::OtlpTrace => "traces of 8 to 30 spans by id, v3".to_owned(),
            Self::Summaries => "summaries of 20 traces of a service, v3".to_owned(),
        }
    }
}

/// Questions of each kind.
pub(crate) struct Questions(Vec<(Asked, Vec<Question>)>);

impl Questions {
    pub(crate) fn choose(expected: &Expected) -> Result<Self> {
        let of = |asked| {
            let kind = match asked {
                Asked::Traces(kind) => kind,
                Asked::OtlpTrace => Kind::TraceById,
                Asked::Services | Asked::Operations | Asked::Summaries => Kind::Service,
            };
            Ok((asked, choose(expected, kind, OF_A_KIND)?))
        };
        Ok(Self(Asked::all().map(of).collect::<Result<_>>()?))
    }

    pub(crate) fn kinds(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, kind: usize, number: usize) -> (Asked, &Question) {
        let (asked, questions) = &self.0[kind];
        (*asked, &questions[number % questions.len()])
    }
}

/// Where a question goes.
pub(crate) fn url(asked: Asked, question: &Question, api: &str, window: Window) -> Result<Url> {
    let service = |question: &Question| match question {
        Question::Search { condition, .. } => condition.service.clone(),
        Question::Trace(_) => String::new(),
    };
    match (asked, question) {
        (Asked::OtlpTrace, Question::Trace(id)) => Ok(format!("{api}/api/v3/traces/{id}").parse()?),
        (Asked::Services, _) => Ok(format!("{api}/api/services").parse()?),
        (Asked::Operations, question) => {
            let parameters = [("service", service(question))];
            Ok(Url::parse_with_params(&format!("{api}/api/v3/operations"), parameters)?)
        }
        (Asked::Summaries, question) => {
            let (min, max) = window.rfc3339()?;
            let parameters = [
                ("query.service_name", service(question)),
                ("query.start_time_min", min),
                ("query.start_time_max", max),
                ("query.search_depth", "20".to_owned()),
            ];
            Ok(Url::parse_with_params(&format!("{api}/api/v3/trace-summaries"), parameters)?)
        }
        (_, question) => question.url(api, window),
    }
}

/// Whether an answer is what it must be.
pub(crate) fn check(asked: Asked, question: &Question, answer: &[u8], expected: &Expected) -> Result<()> {
    if let Asked::Traces(_) = asked {
        return question.check(answer, expected);
    }
    let answer: Value = serde_json::from_slice(answer).context("no JSON")?;
    let length = |pointer: &str| answer.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
    match (asked, question) {
        (Asked::Services, _) => ensure!(length("/data") >= 100, "not all services: {answer}"),
        (Asked::Operations, _) => ensure!(length("/operations") > 0, "no operation: {answer}"),
        (Asked::OtlpTrace, Question::Trace(id)) => {
            let resources = answer.pointer("/result/resourceSpans").and_then(Value::as_array);
            let scopes =
                resources.into_iter().flatten().filter_map(|of| of["scopeSpans"].as_array()).flatten();
            let spans: usize = scopes.filter_map(|of| of["spans"].as_array()).map(Vec::len).sum();
            ensure!(Some(&spans) == expected.traces.get(id), "trace {id} has {spans} spans: {answer}");
        }
        (_, Question::Search { finds, .. }) => {
            let found = length("/summaries");
            ensure!(found == finds.len(), "{found} instead of {} summaries: {answer}", finds.len());
        }
        (_, Question::Trace(_)) => ensure!(false, "{asked:?} is not asked by a trace's id"),
    }
    Ok(())
}
