//! Who we are to the store: password, bearer token or API key, one of them at most.

use std::time::Duration;

use clap::Args;
use spoor_model::parse_go_duration;

use crate::Secret;

/// How requests to the store are authorized.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct AuthConfig {
    /// The user for basic authentication; none when empty.
    #[arg(id = "es.username", long = "es.username", value_name = "NAME", default_value = "")]
    pub username: String,

    /// The password of --es.username. Better given in the environment (ES_PASSWORD) than in the command line, or by
    /// --es.password-file.
    #[arg(id = "es.password", long = "es.password", value_name = "SECRET", default_value = "")]
    pub password: Secret,

    /// A file that holds the password of --es.username, instead of --es.password. Line ends after it do not belong to it.
    #[arg(id = "es.password-file", long = "es.password-file", value_name = "FILE", default_value = "")]
    pub password_file: String,

    /// How often --es.password-file is read again; 0s reads it at start only. When reading fails, the old password stays in use.
    /// When the store answers 401, the file is read at once, and the request repeated if the password is another.
    #[arg(id = "es.password-reload-interval", long = "es.password-reload-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "10s")]
    pub password_reload_interval: Duration,

    /// A file that holds a bearer token, sent as `Authorization: Bearer …`.
    #[arg(id = "es.token-file", long = "es.token-file", value_name = "FILE", default_value = "")]
    pub token_file: String,

    /// How often --es.token-file is read again; as --es.password-reload-interval.
    #[arg(id = "es.bearer-token-reload-interval", long = "es.bearer-token-reload-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "10s")]
    pub token_reload_interval: Duration,

    /// Questions to the store carry the bearer token of the user who asks, instead of our own credentials, which serve for all else:
    /// the start, and writing, as a bulk holds spans of many senders. Needs --query.bearer-token-propagation. Without credentials of
    /// our own nothing can be written, and --es.version has to be set, as the store cannot be asked for it before a user comes.
    #[arg(
        id = "es.bearer-token-propagation",
        long = "es.bearer-token-propagation",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub bearer_token_propagation: bool,

    /// A file that holds an API key as the store gives it out in base64 (`encoded`), sent as `Authorization: APIKey …`.
    #[arg(id = "es.api-key-file", long = "es.api-key-file", value_name = "FILE", default_value = "")]
    pub api_key_file: String,

    /// How often --es.api-key-file is read again; as --es.password-reload-interval.
    #[arg(id = "es.api-key-reload-interval", long = "es.api-key-reload-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "10s")]
    pub api_key_reload_interval: Duration,
}

super::defaults_from_flags!(AuthConfig);
