//! Names of services as labels of metrics, as Jaeger writes them.
//! Facts: `jaegertracing/jaeger cmd/collector/app/metrics.go`, `pkg/normalizer`.

/// Characters by which names are told apart; senders may write megabytes.
pub(super) const LONGEST: usize = 200;
/// All names beyond the bound.
pub(super) const OTHER: &str = "other-services";
const NAMELESS: &str = "__unknown";

/// As much of a name as tells it apart.
pub(super) fn shortened(name: &str) -> &str {
    if name.len() <= LONGEST {
        return name;
    }
    name.char_indices().nth(LONGEST).map_or(name, |(end, _)| &name[..end])
}

/// Lower case, and `_` for what is not a letter, a digit or one of `-_./`.
pub(super) fn label(name: &str) -> Box<str> {
    if name.is_empty() {
        return NAMELESS.into();
    }
    let safe = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '-' | '_' | '.' | '/') => c,
        _ => '_',
    };
    name.chars().map(safe).collect::<String>().into()
}
