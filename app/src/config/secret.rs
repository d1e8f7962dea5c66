//! What of the settings is never shown: passwords, be they settings of their own or parts of a URL.

/// True for settings whose value is never shown.
pub(crate) fn is_secret(flag: &str) -> bool {
    let word = |part: &str| {
        matches!(part, "password" | "token" | "secret" | "api-key" | "custom-headers" | "headers")
    };
    flag.rsplit('.').next().is_some_and(word)
}

/// The value with every URL's `user:password@` replaced; `None` when there is none to replace.
pub(crate) fn masked(value: &str) -> Option<String> {
    let parts: Vec<_> = value.split(',').map(|part| masked_url(part).ok_or(part)).collect();
    if parts.iter().all(Result::is_err) {
        return None;
    }
    let parts = parts.into_iter().map(|part| part.unwrap_or_else(str::to_owned));
    Some(parts.collect::<Vec<_>>().join(","))
}

fn masked_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    // A password that should have been percent-encoded may hold anything; all before the last `@` is taken for it.
    let (_, host) = rest.rsplit_once('@')?;
    Some(format!("{scheme}://***@{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_password_in_a_url_is_left() {
        for (value, shown) in [
            ("http://user:pass@a:9200", "http://***@a:9200"),
            ("http://a:9200,https://u:p/w@b/path", "http://a:9200,https://***@b/path"),
            ("https://u:p@ss@c", "https://***@c"),
        ] {
            assert_eq!(masked(value).as_deref(), Some(shown));
        }
        for value in ["http://a:9200,http://b", "", "user@example", "k=v"] {
            assert_eq!(masked(value), None, "{value}");
        }
    }

    #[test]
    fn settings_that_are_secrets_are_known_by_their_last_word() {
        assert!(is_secret("es.password") && is_secret("token") && is_secret("es-archive.custom-headers"));
        assert!(is_secret("otel.exporter.otlp.headers") && !is_secret("query.additional-headers"));
        for shown in ["es.password-file", "es.token-file", "es.api-key-file", "es.tls.key", "es.username"] {
            assert!(!is_secret(shown), "{shown}");
        }
    }
}
