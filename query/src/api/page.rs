//! The page that people see who open the port in a browser: what runs here, how to send a first trace, what can be asked.

/// The page, for links below `prefix` (empty, or like `/jaeger`).
pub(super) fn render(prefix: &str) -> String {
    PAGE.replace("{prefix}", prefix).replace("{version}", env!("CARGO_PKG_VERSION"))
}

const PAGE: &str = include_str!("page.html");
