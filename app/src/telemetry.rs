//! Spoor's own logs, on standard error: for people on a terminal, as JSON lines for machines.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::time::UtcTime;

use crate::log_format::JsonLines;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogEncoding {
    /// `console` on a terminal, `json` otherwise.
    Auto,
    /// Plain lines.
    Console,
    /// One JSON object a line.
    Json,
}

/// Settings of the log.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct LogConfig {
    /// Minimal level of log lines: trace, debug, info, warn or error; or a filter such as `info,spoor_collector=debug`.
    #[arg(id = "log-level", long = "log-level", default_value = "info", value_name = "LEVEL", value_parser = parse_level)]
    level: String,

    /// How log lines are written. Within a request that carries a `traceparent`, or is recorded by the process itself, they bear its trace and span id.
    #[arg(id = "log-encoding", long = "log-encoding", default_value = "auto", value_name = "ENCODING")]
    encoding: LogEncoding,
}

/// Checks a level or filter. A bare word that is no level would be a filter that lets almost nothing through. Jaeger's levels
/// above error are error here.
fn parse_level(text: &str) -> Result<String, String> {
    const ABOVE_ERROR: [&str; 3] = ["dpanic", "panic", "fatal"];
    let is_level =
        |part: &str| !part.is_empty() && (part.parse::<LevelFilter>().is_ok() || part.contains('='));
    match text.to_ascii_lowercase() {
        level if ABOVE_ERROR.contains(&level.as_str()) => Ok("error".to_owned()),
        _ if text.split(',').all(|part| is_level(part.trim())) && EnvFilter::try_new(text).is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("use trace, debug, info, warn or error".to_owned()),
    }
}

/// Starts logging for the whole process, which calls itself `service_name` in its lines.
pub(crate) fn start(config: &LogConfig, service_name: &str) -> Result<()> {
    let filter = EnvFilter::try_new(&config.level).with_context(|| {
        format!("read --log-level={:?}: use trace, debug, info, warn or error", config.level)
    })?;
    let to_terminal = std::io::stderr().is_terminal();
    let as_json = match config.encoding {
        LogEncoding::Auto => !to_terminal,
        LogEncoding::Console => false,
        LogEncoding::Json => true,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if as_json {
        let lines = JsonLines { service_name: service_name.to_owned() };
        builder.fmt_fields(JsonFields::new()).event_format(lines).init();
    } else {
        builder.with_timer(UtcTime::rfc_3339()).with_ansi(to_terminal).init();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused_instead_of_silencing_the_log() {
        for text in ["info", "WARN", "off", "info,spoor_collector=debug", "spoor_net=trace"] {
            assert_eq!(parse_level(text).as_deref(), Ok(text));
        }
        assert_eq!(parse_level("fatal").as_deref(), Ok("error"));
        for text in ["wran", "", "info,spoor_collector", "spoor=loud"] {
            assert!(parse_level(text).is_err(), "{text}");
        }
    }
}
