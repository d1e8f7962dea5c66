//! The query role: Jaeger's HTTP API over any SpanReader.
