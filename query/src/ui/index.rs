//! What a server writes into the UI's index.html: lines that the UI's builds keep for it, found by their exact text.
//! Facts: `jaegertracing/jaeger-ui packages/jaeger-ui/index.html` (v1.60 to v2.20), `jaegertracing/jaeger
//! cmd/query/app/static_handler.go` (v1.76), `cmd/jaeger/internal/extension/jaegerquery/internal/static_handler.go` (v2.20).

use super::customization::Customization;

/// What the UI may offer. The names are those of the UI.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// Traces can be archived.
    pub(crate) archive_storage: bool,
    /// The Monitor page has something to show.
    pub(crate) metrics_storage: bool,
    /// Traces can be searched without naming a service.
    pub(crate) search_without_service: bool,
}

/// What is written into the page.
pub(super) struct Insert<'a> {
    /// Path before every route; empty for the root.
    pub(super) base_path: &'a str,
    /// JSON: `{"gitCommit","gitVersion","buildDate"}`.
    pub(super) version: &'a str,
    pub(super) capabilities: Capabilities,
    pub(super) customization: Option<&'a Customization>,
}

/// The page as browsers get it.
pub(super) fn render(html: &str, insert: &Insert<'_>) -> String {
    let Capabilities { archive_storage, metrics_storage, search_without_service } = insert.capabilities;
    // UIs before 2.18 have a base tag; later ones find the path in the browser.
    let mut page = html.replace("<base href=\"/\"", &format!("<base href=\"{}/\"", insert.base_path));
    page = assign(&page, "VERSION", insert.version);
    // UIs before 2.20 ask for the first, later ones for the second.
    let storage = format!(r#"{{"archiveStorage":{archive_storage},"metricsStorage":{metrics_storage}}}"#);
    page = assign(&page, "STORAGE_CAPABILITIES", &storage);
    let backend = format!(
        r#"{{"archiveStorage":{archive_storage},"metricsStorage":{metrics_storage},"searchWithoutServiceName":{search_without_service},"aiAssistant":false}}"#
    );
    page = assign(&page, "BACKEND_CAPABILITIES", &backend);
    // Last, so that nothing is replaced within what somebody wrote.
    match insert.customization {
        None => page,
        Some(Customization::Json(json)) => assign(&page, "CONFIG", json),
        Some(Customization::JavaScript(script)) => replace_marked_lines(&page, script),
    }
}

/// Replaces each `JAEGER_<name> = DEFAULT_<name>;`, whatever spaces are around the sign.
fn assign(page: &str, name: &str, value: &str) -> String {
    let (variable, default) = (format!("JAEGER_{name}"), format!("DEFAULT_{name};"));
    let mut out = String::with_capacity(page.len() + value.len());
    let mut rest = page;
    while let Some(at) = rest.find(&variable) {
        let (before, after) = rest.split_at(at + variable.len());
        out.push_str(before);
        rest = after;
        let sign = after.trim_start_matches(' ').strip_prefix('=');
        if let Some(left) = sign.and_then(|after| after.trim_start_matches(' ').strip_prefix(&default)) {
            out.push_str(" = ");
            out.push_str(value);
            out.push(';');
            rest = left;
        }
    }
    out.push_str(rest);
    out
}

/// Replaces each line with the comment `// JAEGER_CONFIG_JS`, in upper or lower case, and the line behind it.
fn replace_marked_lines(page: &str, script: &str) -> String {
    let mut out = String::with_capacity(page.len() + script.len());
    let mut lines = page.split_inclusive('\n');
    while let Some(line) = lines.next() {
        if !(is_marked(line) && line.ends_with('\n')) {
            out.push_str(line);
            continue;
        }
        out.push_str(script);
        // The second line's end stays: what comes next is not part of the script's last line.
        if lines.next().is_some_and(|swallowed| swallowed.ends_with('\n')) {
            out.push('\n');
        }
    }
    out
}

fn is_marked(line: &str) -> bool {
    const MARK: &str = "JAEGER_CONFIG_JS";
    let comment = line.trim_start().strip_prefix("//").map(str::trim_start);
    comment.and_then(|text| text.get(..MARK.len())).is_some_and(|text| text.eq_ignore_ascii_case(MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Insert<'static> =
        Insert { base_path: "", version: "{}", capabilities: NO_CAPABILITIES, customization: None };
    const NO_CAPABILITIES: Capabilities =
        Capabilities { archive_storage: false, metrics_storage: false, search_without_service: false };

    #[test]
    fn the_base_tag_gets_the_base_path() {
        let html = r#"<base href="/" data-inject-target="BASE_URL" />"#;
        let under = render(html, &Insert { base_path: "/team/jaeger", ..NOTHING });
        assert_eq!(under, r#"<base href="/team/jaeger/" data-inject-target="BASE_URL" />"#);
        assert_eq!(render(html, &NOTHING), html);
    }

    #[test]
    fn the_version_is_written_where_its_default_is_assigned() {
        let insert = Insert { version: r#"{"gitVersion":"v1"}"#, ..NOTHING };
        let html =
            "const DEFAULT_VERSION = {};\nconst JAEGER_VERSION = DEFAULT_VERSION;\nreturn JAEGER_VERSION;";
        let expected = "const DEFAULT_VERSION = {};\nconst JAEGER_VERSION = {\"gitVersion\":\"v1\"};\nreturn JAEGER_VERSION;";
        assert_eq!(render(html, &insert), expected);
        for spelled in ["JAEGER_VERSION=DEFAULT_VERSION;", "JAEGER_VERSION   =  DEFAULT_VERSION;"] {
            assert_eq!(render(spelled, &insert), r#"JAEGER_VERSION = {"gitVersion":"v1"};"#, "{spelled}");
        }
        for other in ["JAEGER_VERSION = DEFAULT_VERSION", "JAEGER_VERSION == DEFAULT_VERSION;"] {
            assert_eq!(render(other, &insert), other, "another statement stays");
        }
    }

    #[test]
    fn capabilities_are_written_for_old_and_new_builds() {
        let html = "JAEGER_STORAGE_CAPABILITIES = DEFAULT_STORAGE_CAPABILITIES;\nJAEGER_BACKEND_CAPABILITIES = DEFAULT_BACKEND_CAPABILITIES;";
        let page = |capabilities| render(html, &Insert { capabilities, ..NOTHING });
        assert_eq!(
            page(Capabilities { archive_storage: true, ..NO_CAPABILITIES }),
            "JAEGER_STORAGE_CAPABILITIES = {\"archiveStorage\":true,\"metricsStorage\":false};\n\
             JAEGER_BACKEND_CAPABILITIES = {\"archiveStorage\":true,\"metricsStorage\":false,\"searchWithoutServiceName\":false,\"aiAssistant\":false};"
        );
        let all =
            Capabilities { archive_storage: false, metrics_storage: true, search_without_service: true };
        assert!(page(all).ends_with("{\"archiveStorage\":false,\"metricsStorage\":true,\"searchWithoutServiceName\":true,\"aiAssistant\":false};"));
    }

    #[test]
    fn a_configuration_in_json_is_assigned() {
        let json = Customization::Json(r#"{"a":"JAEGER_VERSION = DEFAULT_VERSION;"}"#.to_owned());
        let insert = Insert { customization: Some(&json), ..NOTHING };
        let html = "// JAEGER_CONFIG_JS\n// kept\nconst JAEGER_CONFIG = DEFAULT_CONFIG;";
        let expected = "// JAEGER_CONFIG_JS\n// kept\nconst JAEGER_CONFIG = {\"a\":\"JAEGER_VERSION = DEFAULT_VERSION;\"};";
        assert_eq!(render(html, &insert), expected);
    }

    #[test]
    fn a_configuration_in_javascript_takes_the_place_of_its_line_and_the_next() {
        let script =
            Customization::JavaScript("function UIConfig() {\n  return {a: `${1}$1`};\n}".to_owned());
        let insert = Insert { customization: Some(&script), ..NOTHING };
        let page = |html: &str| render(html, &insert);
        assert_eq!(
            page("first\n  // JAEGER_CONFIG_JS\n  // the line that goes\nthird\n"),
            "first\nfunction UIConfig() {\n  return {a: `${1}$1`};\n}\nthird\n"
        );
        assert_eq!(
            page("//jaeger_config_js, in short\r\n\r\nx"),
            "function UIConfig() {\n  return {a: `${1}$1`};\n}\nx"
        );
        for without in ["x // JAEGER_CONFIG_JS\ny", "// JAEGER_CONFIG\ny", "// JÄGER_CONFIG_JS_\ny"] {
            assert_eq!(page(without), without);
        }
    }
}
