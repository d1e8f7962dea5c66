//! The way to the store: addresses, how requests are sent, how long we wait.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::header::{self, HeaderName, HeaderValue};
use spoor_model::parse_go_duration;

use super::{AuthConfig, SniffingConfig, TlsConfig};
use crate::NodeUrl;

/// How the store is reached.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct ConnectionConfig {
    /// The store's nodes, as a comma-separated list of http:// or https:// URLs. Requests take turns; a node that fails is
    /// set aside for a while. A URL may carry user:password@.
    #[arg(
        id = "es.server-urls",
        long = "es.server-urls",
        value_name = "URL,…",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:9200"
    )]
    pub server_urls: Vec<NodeUrl>,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub auth: AuthConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub tls: TlsConfig,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub sniffing: SniffingConfig,

    /// A node that failed is not set aside: each request begins at the next one by turns, be it in good health or not. Health is
    /// told by the answers to requests; unlike Jaeger's client, this one sends no requests of their own for it.
    #[arg(
        id = "es.disable-health-check",
        long = "es.disable-health-check",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub disable_health_check: bool,

    /// The longest that one request to the store may take; 0s leaves it to the caller's deadline.
    #[arg(id = "es.timeout", long = "es.timeout", value_name = "DURATION", value_parser = parse_go_duration, default_value = "0s")]
    pub timeout: Duration,

    /// The store's version: 7, 8 or 9 for Elasticsearch, 101, 102 or 103 for OpenSearch 1, 2 or 3; 0 asks the store.
    #[arg(id = "es.version", long = "es.version", value_name = "NUMBER", default_value_t = 0)]
    pub version: u32,

    /// Whether request bodies of 1 KiB and more are compressed (gzip, its fastest level) and compressed answers asked for: auto does
    /// so but for nodes on this machine; true (or on) does so for all, false (or off) for none. A body that is refused compressed, with
    /// 415, or with 400 by a node that has taken none compressed yet, is sent again plain; if it is taken then, no body is compressed
    /// any more.
    #[arg(
        id = "es.http-compression",
        long = "es.http-compression",
        value_name = "MODE",
        default_value = "auto",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true
    )]
    pub compression: Compression,

    /// Headers for every request to the store, separated by commas, as in "X-Scope: traces, X-Team: a"; a value cannot hold a comma.
    /// Host replaces the one made from the address. They are taken for secrets and never shown.
    #[arg(
        id = "es.custom-headers",
        long = "es.custom-headers",
        value_name = "NAME: VALUE,…",
        value_delimiter = ','
    )]
    pub custom_headers: Vec<CustomHeader>,

    /// The HTTP method of questions that have a body (searches and counts), GET or POST.
    #[arg(
        id = "es.send-get-body-as",
        long = "es.send-get-body-as",
        value_name = "METHOD",
        default_value = "POST",
        value_enum,
        ignore_case = true
    )]
    pub question_method: QuestionMethod,

    /// What is logged of requests to the store, at this program's level info: error logs none (who asked hears of failures anyway),
    /// info each failed attempt at a node with its reason, debug every attempt.
    #[arg(
        id = "es.log-level",
        long = "es.log-level",
        value_name = "LEVEL",
        default_value = "error",
        value_enum,
        ignore_case = true
    )]
    pub log_level: RequestLog,
}

/// Whether bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// For nodes on other machines.
    Auto,
    /// For all nodes.
    On,
    /// For none.
    Off,
}

impl FromStr for Compression {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "on" | "true" | "t" | "1" => Ok(Self::On),
            "off" | "false" | "f" | "0" => Ok(Self::Off),
            _ => Err("write auto, true or false"),
        }
    }
}

/// How questions with a body are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QuestionMethod {
    /// As a GET, which proxies may refuse or strip of its body.
    #[value(name = "GET")]
    Get,
    /// As a POST.
    #[value(name = "POST", alias = "")]
    Post,
}

/// How much is logged of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum RequestLog {
    /// Nothing.
    #[value(alias = "")]
    Error,
    /// Failed attempts.
    Info,
    /// Every attempt.
    Debug,
}

/// A header that every request carries. Its value may be a secret: neither `Debug` nor errors show it.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomHeader {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

/// Headers that the client sets itself, or whose wrong value would break a request.
const RESERVED: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl FromStr for CustomHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("write it as \"Name: value\"")?;
        let name: HeaderName = name.trim().parse().map_err(|_| "before the colon is no header name")?;
        if name == header::AUTHORIZATION {
            return Err(
                "for Authorization use --es.username, --es.token-file or --es.api-key-file".to_owned()
            );
        }
        if RESERVED.contains(&name) {
            return Err(format!("the header {name} is set as each request needs it"));
        }
        let mut value: HeaderValue =
            value.trim().parse().map_err(|_| format!("the value of {name} cannot be sent in a header"))?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

impl fmt::Debug for CustomHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ***", self.name)
    }
}

super::defaults_from_flags!(ConnectionConfig);
