//! The layout of span documents.

use clap::{Args, ValueEnum};

/// How a span lies in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// Jaeger's documents, in indices called jaeger-span-…, which a real Jaeger reads
    Jaeger,
    /// Spoor's own, in indices called spoor-span-…: a fraction of the bytes and of the store's work, nothing of a span is lost;
    /// Jaeger does not read it
    Compact,
}

/// Which layout is written. Both are read, whatever is written.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct LayoutConfig {
    /// How spans are written. Both layouts are read side by side, so it may be changed at any time, in both directions.
    #[arg(id = "es.layout", long = "es.layout", value_name = "LAYOUT", value_enum, default_value = "jaeger")]
    pub layout: Layout,
}

super::defaults_from_flags!(LayoutConfig);
