//! One figure of a bench: what its JSON line says, and how a person reads it.

use std::fmt;

use anyhow::{Context, Result};
use serde::Deserialize;

/// A measured value; smaller is better for every figure we have.
#[derive(Debug, Deserialize)]
pub(super) struct Figure {
    figure: String,
    value: f64,
    unit: String,
    /// The value that should not be passed; absent for what is only reported.
    #[serde(default)]
    bar: Option<f64>,
    method: String,
}

impl Figure {
    pub(super) fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line).with_context(|| format!("no figure: {line}"))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, value, unit, bar, method } = self;
        let verdict = match bar {
            Some(bar) if value <= bar => format!("bar {bar:<6} ok"),
            Some(bar) => format!("bar {bar:<6} over"),
            None => "no bar".to_owned(),
        };
        write!(f, "{figure:<38} {value:>10.3} {unit:<12} {verdict:<16} {method}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bar: &str) -> String {
        let line = format!(
            r#"{{"figure":"decode_ratio","value":0.27,"unit":"x prost","bar":{bar},"spans":1,"method":"one run"}}"#
        );
        Figure::parse(&line).unwrap().to_string().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_figure_is_shown_with_its_bar_and_verdict() {
        assert_eq!(shown("0.35"), "decode_ratio 0.270 x prost bar 0.35 ok one run");
        assert_eq!(shown("0.2"), "decode_ratio 0.270 x prost bar 0.2 over one run");
        assert_eq!(shown("null"), "decode_ratio 0.270 x prost no bar one run");
    }

    #[test]
    fn a_value_on_its_bar_is_ok() {
        assert!(shown("0.27").contains(" ok "));
    }

    #[test]
    fn other_output_is_no_figure() {
        for line in ["", "warming up", "{}", r#"{"figure":"f","value":"fast","unit":"s","method":"m"}"#] {
            assert!(Figure::parse(line).is_err(), "{line}");
        }
    }
}
