//! `--config-file`: YAML, JSON or TOML with the flags' dotted names, nested or not.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The settings of a file under their dotted names.
#[derive(Debug, Default)]
pub(crate) struct FileSettings {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl FileSettings {
    /// Reads the file; the ending of its name tells the format.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let attempt = || format!("read the configuration file {}", path.display());
        let text = std::fs::read_to_string(path).with_context(attempt)?;
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let value = parse(ending, &text).with_context(attempt)?;
        let mut values = BTreeMap::new();
        flatten("", &value, &mut values).with_context(attempt)?;
        Ok(Self { path: path.to_owned(), values })
    }

    /// The value of a setting, in the form a flag would have it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Refuses a key that is no setting of any role, naming the nearest one. `of_all` is asked only for a key that is not among the
    /// role's `own`.
    pub(crate) fn refuse_unknown(&self, own: &[String], of_all: impl FnOnce() -> Vec<String>) -> Result<()> {
        let of_all = LazyCell::new(of_all);
        for key in self.values.keys() {
            if key == "config-file" {
                let path = self.path.display();
                bail!(
                    "the configuration file {path} names another one; one file is read, put all settings into it"
                );
            }
            if own.contains(key) || of_all.contains(key) {
                continue;
            }
            let nearest =
                nearest(key, &of_all).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            bail!(
                "the configuration file {} sets `{key}`, which is no setting of spoor{nearest}",
                self.path.display()
            );
        }
        Ok(())
    }
}

/// The known name most like `name`, if any is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let scored = known.iter().map(|candidate| (strsim::jaro_winkler(name, candidate), candidate));
    let (score, candidate) = scored.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (score > 0.8).then_some(candidate.as_str())
}

fn parse(ending: &str, text: &str) -> Result<Value> {
    match ending {
        "yaml" | "yml" if text.trim().is_empty() => Ok(Value::Null),
        "yaml" | "yml" => Ok(serde_saphyr::from_str(text)?),
        "json" => Ok(serde_json::from_str(text)?),
        "toml" => Ok(toml::from_str(text)?),
        _ => bail!(
            "its name ends in `.{ending}`; name it .yaml, .yml, .json or .toml, so that its format is known"
        ),
    }
}

fn flatten(prefix: &str, value: &Value, into: &mut BTreeMap<String, String>) -> Result<()> {
    let text = match value {
        Value::Object(map) => {
            for (key, value) in map {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&name, value, into)?;
            }
            return Ok(());
        }
        Value::Null if prefix.is_empty() => return Ok(()),
        _ if prefix.is_empty() => bail!("it must hold settings under their names, not a bare list or value"),
        Value::Null => bail!("`{prefix}` has no value; give one or remove the key"),
        Value::Array(items) => {
            items.iter().map(|item| scalar(prefix, item)).collect::<Result<Vec<_>>>()?.join(",")
        }
        scalar_value => scalar(prefix, scalar_value)?,
    };
    if into.insert(prefix.to_owned(), text).is_some() {
        bail!("`{prefix}` is set twice, nested and with dots; keep one");
    }
    Ok(())
}

fn scalar(name: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            bail!("`{name}` must be a text, number, truth or a list of such")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(ending: &str, text: &str) -> Result<FileSettings> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("spoor.{ending}"));
        std::fs::write(&path, text).unwrap();
        FileSettings::read(&path)
    }

    #[test]
    fn three_formats_nested_or_dotted_say_the_same() {
        let yaml =
            "es:\n  server-urls: [http://a:1, http://b:2]\n  bulk.size: 100\ncollector.otlp.enabled: false\n";
        let json = r#"{"es.server-urls":"http://a:1,http://b:2","es":{"bulk":{"size":100}},"collector":{"otlp":{"enabled":false}}}"#;
        let toml = "[es]\nserver-urls = [\"http://a:1\", \"http://b:2\"]\nbulk.size = 100\n[collector.otlp]\nenabled = false\n";
        for (ending, text) in [("yaml", yaml), ("json", json), ("toml", toml)] {
            let read = settings(ending, text).unwrap();
            assert_eq!(read.get("es.server-urls"), Some("http://a:1,http://b:2"), "{ending}");
            assert_eq!(read.get("es.bulk.size"), Some("100"), "{ending}");
            assert_eq!(read.get("collector.otlp.enabled"), Some("false"), "{ending}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let read = settings("yaml", "es:\n  server-url: http://a:1\n").unwrap();
        let known = || vec!["es.server-urls".to_owned(), "log-level".to_owned()];
        let error = read.refuse_unknown(&[], known).unwrap_err().to_string();
        assert!(
            error.contains("`es.server-url`") && error.contains("did you mean `es.server-urls`?"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_names_another_one_is_refused() {
        let read = settings("yaml", "config-file: other.yaml\n").unwrap();
        let error = read.refuse_unknown(&["config-file".to_owned()], Vec::new).unwrap_err().to_string();
        assert!(error.contains("names another one"), "{error}");
    }

    #[test]
    fn says_what_is_wrong_with_the_file() {
        for (ending, text, expected) in [
            ("ini", "a=1", "name it .yaml"),
            ("yaml", "- 1\n", "not a bare list"),
            ("json", r#"{"a":null}"#, "`a` has no value"),
            ("json", r#"{"a.b":1,"a":{"b":2}}"#, "`a.b` is set twice"),
            ("json", r#"{"a":[{"b":2}]}"#, "`a` must be a text"),
            ("toml", "a = ", "read the configuration file"),
        ] {
            let error = format!("{:#}", settings(ending, text).unwrap_err());
            assert!(error.contains(expected), "{ending}: {error}");
        }
        assert!(settings("yaml", "").unwrap().refuse_unknown(&[], Vec::new).is_ok());
    }
}
