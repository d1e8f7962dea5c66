//! Which credentials a request carries: the caller's token where it is to be passed on, those in the node's URL, or our own.

mod secret_file;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};
use spoor_storage::Credentials;

use secret_file::SecretFile;

use super::{Cause, ConnectionError, NodeUrl};
use crate::{ConnectionConfig, Secret};

/// How a secret is written into the `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AuthScheme {
    /// RFC 7617, with this user.
    Basic(String),
    /// RFC 6750.
    Bearer,
    /// Elasticsearch's; the file holds base64 of `id:key`.
    ApiKey,
}

impl AuthScheme {
    /// The header, marked as not to be shown. `None` when the secret cannot be sent.
    pub(super) fn header(&self, secret: &Secret) -> Option<HeaderValue> {
        let text = match self {
            Self::Basic(user) => format!("Basic {}", STANDARD.encode(format!("{user}:{}", secret.expose()))),
            Self::Bearer => format!("Bearer {}", secret.expose()),
            Self::ApiKey => format!("APIKey {}", secret.expose()),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Credentials for requests.
#[derive(Debug)]
pub(super) struct Auth {
    own: Option<Own>,
    propagates: bool,
    /// Whether connections show a certificate of ours.
    certified: bool,
}

#[derive(Debug)]
enum Own {
    Password(HeaderValue),
    PasswordFile(SecretFile),
    TokenFile(SecretFile),
    ApiKeyFile(SecretFile),
}

/// What one attempt carries, and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Authorization {
    pub(super) header: Option<HeaderValue>,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Caller,
    Url,
    Own,
}

impl Auth {
    /// Reads the settings, and the files that they name.
    pub(super) fn new(config: &ConnectionConfig) -> Result<Self, ConnectionError> {
        let auth = &config.auth;
        check_ways(config)?;
        let user = || AuthScheme::Basic(auth.username.clone());
        let own = if !auth.password_file.is_empty() {
            let interval = auth.password_reload_interval;
            let file = SecretFile::open("--es.password-file", &auth.password_file, user(), interval)?;
            Some(Own::PasswordFile(file))
        } else if !auth.username.is_empty() {
            let header = user().header(&auth.password);
            Some(Own::Password(header.ok_or_else(|| ConnectionError::Value {
                flag: "--es.username and --es.password",
                problem: "they cannot be sent in a header".to_owned(),
            })?))
        } else if !auth.token_file.is_empty() {
            let interval = auth.token_reload_interval;
            let file = SecretFile::open("--es.token-file", &auth.token_file, AuthScheme::Bearer, interval)?;
            Some(Own::TokenFile(file))
        } else if !auth.api_key_file.is_empty() {
            let interval = auth.api_key_reload_interval;
            let file =
                SecretFile::open("--es.api-key-file", &auth.api_key_file, AuthScheme::ApiKey, interval)?;
            Some(Own::ApiKeyFile(file))
        } else {
            None
        };
        let certified = !config.tls.cert.is_empty();
        Ok(Self { own, propagates: auth.bearer_token_propagation, certified })
    }

    /// The credentials for a request to this node, asked for by this caller.
    pub(super) async fn authorize(
        &self,
        node: &NodeUrl,
        caller: Option<&Credentials>,
    ) -> Result<Authorization, Cause> {
        if let Some(caller) = caller.filter(|_| self.propagates) {
            // Never in place of it our own: they may be allowed more.
            let header = AuthScheme::Bearer.header(&Secret::from(caller.token())).ok_or(Cause::Token)?;
            return Ok(Authorization { header: Some(header), origin: Origin::Caller });
        }
        if let Some(header) = node.authorization() {
            return Ok(Authorization { header: Some(header), origin: Origin::Url });
        }
        let header = match &self.own {
            None => None,
            Some(Own::Password(header)) => Some(header.clone()),
            Some(Own::PasswordFile(file) | Own::TokenFile(file) | Own::ApiKeyFile(file)) => {
                Some(file.header().await)
            }
        };
        Ok(Authorization { header, origin: Origin::Own })
    }

    /// After 401: what to try instead, if the file holds another secret by now.
    pub(super) async fn renewed(&self, refused: &Authorization) -> Option<Authorization> {
        let (Some(Own::PasswordFile(file) | Own::TokenFile(file) | Own::ApiKeyFile(file)), Some(header)) =
            (&self.own, &refused.header)
        else {
            return None;
        };
        if refused.origin != Origin::Own {
            return None;
        }
        let header = file.renewed(header).await?;
        Some(Authorization { header: Some(header), origin: Origin::Own })
    }

    /// What to look at when the store answers 401 or 403; `None` for other answers.
    pub(super) fn advice(&self, authorization: &Authorization, status: StatusCode) -> Option<String> {
        let known = match status {
            StatusCode::UNAUTHORIZED => true,
            StatusCode::FORBIDDEN => false,
            _ => return None,
        };
        let (secret, who) = match (authorization.origin, &self.own) {
            (Origin::Caller, _) => (
                "whether the store takes the token of the user who asks (--es.bearer-token-propagation)",
                "the user who asks (--es.bearer-token-propagation)",
            ),
            (Origin::Url, _) => ("user and password in --es.server-urls", "the user in --es.server-urls"),
            (Origin::Own, Some(Own::Password(_))) => {
                ("--es.username and --es.password", "the user of --es.username")
            }
            (Origin::Own, Some(Own::PasswordFile(_))) => {
                ("--es.username and --es.password-file", "the user of --es.username")
            }
            (Origin::Own, Some(Own::TokenFile(_))) => ("--es.token-file", "the token of --es.token-file"),
            (Origin::Own, Some(Own::ApiKeyFile(_))) => ("--es.api-key-file", "the key of --es.api-key-file"),
            (Origin::Own, None) if self.certified => (
                "whether the store takes the certificate of --es.tls.cert",
                "the certificate of --es.tls.cert",
            ),
            (Origin::Own, None) => return Some(self.advice_without_credentials()),
        };
        Some(if known { format!("check {secret}") } else { format!("check what {who} may do") })
    }

    fn advice_without_credentials(&self) -> String {
        let ways = "set --es.username and --es.password, --es.token-file, --es.api-key-file, or a client certificate";
        if self.propagates {
            format!(
                "the request had no user's token (--es.bearer-token-propagation), and we have none of our own: {ways}"
            )
        } else {
            format!("the request had no credentials: {ways}")
        }
    }
}

/// One way at most, and each with all that it needs.
fn check_ways(config: &ConnectionConfig) -> Result<(), ConnectionError> {
    let auth = &config.auth;
    if !auth.password.is_empty() && !auth.password_file.is_empty() {
        return Err(conflict("--es.password", "--es.password-file", "give the password in one of them"));
    }
    let ways = [
        (!auth.username.is_empty(), "--es.username"),
        (!auth.password.is_empty(), "--es.password"),
        (!auth.password_file.is_empty(), "--es.password-file"),
        (config.server_urls.iter().any(|url| url.authorization().is_some()), "a user in --es.server-urls"),
    ];
    let basic = ways.into_iter().find_map(|(set, name)| set.then_some(name));
    let token = (!auth.token_file.is_empty()).then_some("--es.token-file");
    let key = (!auth.api_key_file.is_empty()).then_some("--es.api-key-file");
    let mut given = [basic, token, key].into_iter().flatten();
    if let (Some(one), Some(other)) = (given.next(), given.next()) {
        return Err(conflict(one, other, "a request carries either password, token or API key"));
    }
    if auth.username.contains(':') {
        let problem = "a user name with a colon cannot be sent (RFC 7617)".to_owned();
        return Err(ConnectionError::Value { flag: "--es.username", problem });
    }
    if auth.username.is_empty() && !(auth.password.is_empty() && auth.password_file.is_empty()) {
        let set = if auth.password.is_empty() { "--es.password-file" } else { "--es.password" };
        return Err(ConnectionError::Alone {
            set,
            missing: "--es.username is empty, so nobody knows whose password it is",
        });
    }
    check_propagation(config)
}

/// Whether the store can know us without a user's token, be it by a client certificate.
fn is_known_by_itself(config: &ConnectionConfig) -> bool {
    let auth = &config.auth;
    let set = [&auth.username, &auth.token_file, &auth.api_key_file, &config.tls.cert];
    set.into_iter().any(|setting| !setting.is_empty())
        || config.server_urls.iter().any(|url| url.authorization().is_some())
}

/// With users' tokens only there is none before a user comes.
fn check_propagation(config: &ConnectionConfig) -> Result<(), ConnectionError> {
    if !config.auth.bearer_token_propagation || is_known_by_itself(config) {
        return Ok(());
    }
    if config.version == 0 {
        return Err(no_token_for(
            "at start there is no user's token to ask the store for its version with: set --es.version",
        ));
    }
    if config.sniffing.enabled {
        return Err(no_token_for(
            "there is no user's token to ask the store for its nodes with: set --es.sniffer=false",
        ));
    }
    Ok(())
}

/// Refuses to write with users' tokens only: bulks and index templates go under credentials of our own.
pub(crate) fn check_writer(config: &ConnectionConfig) -> Result<(), ConnectionError> {
    if !config.auth.bearer_token_propagation || is_known_by_itself(config) {
        return Ok(());
    }
    Err(no_token_for(
        "bulks and index templates carry no user's token: set --es.username, --es.token-file or --es.api-key-file",
    ))
}

fn no_token_for(missing: &'static str) -> ConnectionError {
    ConnectionError::Alone { set: "--es.bearer-token-propagation, without credentials of our own,", missing }
}

fn conflict(one: &'static str, other: &'static str, why: &'static str) -> ConnectionError {
    ConnectionError::Conflict { one, other, why }
}

#[cfg(test)]
mod tests;
