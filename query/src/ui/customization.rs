//! The file of `--query.ui-config`: what an operator tells the UI.

use std::path::Path;

use super::{UiError, file};

/// What is written into the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Customization {
    /// An object, in a spelling that may stand within a script of a page.
    Json(String),
    /// A script that defines `function UIConfig`.
    JavaScript(String),
}

impl Customization {
    /// Reads and checks it.
    pub(super) fn read(path: &Path) -> Result<Self, UiError> {
        let wrong = |why: String| UiError::Customization { path: path.to_owned(), why };
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if !matches!(extension.as_str(), "json" | "js") {
            return Err(wrong("its name ends with neither .json nor .js".to_owned()));
        }
        let text = file::read("--query.ui-config", path)?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if extension == "json" {
            let object: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(text);
            object.map_err(|error| wrong(format!("it is no JSON object: {error}")))?;
            return Ok(Self::Json(within_script(text)));
        }
        if !defines_ui_config(text) {
            return Err(wrong("it does not define function UIConfig()".to_owned()));
        }
        Ok(Self::JavaScript(text.to_owned()))
    }
}

/// In JSON these stand in strings only, where they can be written so that no `</script>` ends the page's script.
fn within_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn defines_ui_config(script: &str) -> bool {
    let mut rest = script;
    while let Some((_, after)) = rest.split_once("function") {
        let name = after.trim_start();
        let arguments = name.strip_prefix("UIConfig").map(str::trim_start);
        if name.len() < after.len() && arguments.is_some_and(|arguments| arguments.starts_with('(')) {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, content: &str) -> Result<Customization, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        Customization::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_in_json_is_kept_as_it_is_but_for_what_could_end_a_script() {
        let read = read("ui.JSON", "\u{feff}{\"z\": 1, \"a\": \"</script>&\"}\n").unwrap();
        assert_eq!(read, Customization::Json(r#"{"z": 1, "a": "\u003c/script\u003e\u0026"}"#.to_owned()));
    }

    #[test]
    fn a_script_has_to_define_the_function() {
        for script in [
            "function UIConfig() {}",
            "// x\nfunction\n UIConfig ( ){}",
            "function a(){} function UIConfig(){}",
        ] {
            assert_eq!(read("ui.js", script), Ok(Customization::JavaScript(script.to_owned())));
        }
        for script in ["", "UIConfig = () => {}", "functionUIConfig()", "function UIConfigs() {}"] {
            assert!(read("ui.js", script).unwrap_err().contains("function UIConfig()"), "{script}");
        }
    }

    #[test]
    fn what_is_none_of_them_is_refused_with_flag_file_and_reason() {
        for (name, content, reason) in [
            ("ui.json", "[]", "no JSON object"),
            ("ui.json", "{\"a\":}", "line 1 column 6"),
            ("ui.yaml", "{}", "neither .json nor .js"),
            ("ui", "{}", "neither .json nor .js"),
        ] {
            let error = read(name, content).unwrap_err();
            assert!(
                error.contains("--query.ui-config") && error.contains(name) && error.contains(reason),
                "{error}"
            );
        }
        let missing = Customization::read(Path::new("/nowhere/ui.json")).unwrap_err().to_string();
        assert!(missing.contains("--query.ui-config") && missing.contains("/nowhere/ui.json"), "{missing}");
    }
}
