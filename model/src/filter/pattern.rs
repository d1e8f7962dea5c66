//! Regular expressions that mean the same in every store: RE2's syntax without what stores do not share.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast};

/// The longest expression, in characters; Elasticsearch takes no longer one by default.
const MAX_CHARS: usize = 1_000;

/// Bytes that the compiled expression may take.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// An expression that a part of the text has to match, case and all.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// Reads it.
    ///
    /// # Errors
    /// In words: not an expression, too long, or with anchors, word boundaries, lazy repetitions or flags, which stores read each in
    /// a way of their own.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.chars().count() > MAX_CHARS {
            return Err(format!("the expression is longer than {MAX_CHARS} characters"));
        }
        let parsed = ast::parse::Parser::new().parse(text).map_err(|error| {
            let at = error.span().start.offset;
            format!("at position {at} of the expression {text:?}: {}", error.kind())
        })?;
        ast::visit(&parsed, Portable)?;
        let regex = RegexBuilder::new(text).size_limit(MAX_COMPILED_BYTES).build();
        let regex = regex.map_err(|error| format!("the expression {text:?} cannot be used: {error}"))?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a part of `text` matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// Refuses what means something else elsewhere.
struct Portable;

impl ast::Visitor for Portable {
    type Output = ();
    type Err = String;

    fn finish(self) -> Result<(), String> {
        Ok(())
    }

    fn visit_pre(&mut self, part: &Ast) -> Result<(), String> {
        let what = match part {
            Ast::Assertion(_) => "anchors and word boundaries",
            Ast::Flags(_) => "flags",
            Ast::Group(group) if group.flags().is_some_and(|flags| !flags.items.is_empty()) => "flags",
            Ast::Repetition(repetition) if !repetition.greedy => "lazy repetitions",
            Ast::ClassUnicode(_) => "classes of Unicode",
            _ => return Ok(()),
        };
        let at = part.span().start.offset;
        Err(format!(
            "at position {at} of the expression: {what} are not supported; a part of the text has to match"
        ))
    }
}
