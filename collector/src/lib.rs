//! Receivers, normalizing and delivery of spans.
