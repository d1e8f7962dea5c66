//! Pages of other origins that ask from a browser: a setting of its own, in the words of the collector's.

use std::time::Duration;

use axum::Router;
use axum::http::Method;
use spoor_model::parse_go_duration;

/// Which pages of other origins may ask.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct CorsConfig {
    /// Origins whose pages may ask from a browser, comma separated; `*` within one stands for any text. None by default.
    #[arg(
        id = "query.cors.allowed-origins",
        long = "query.cors.allowed-origins",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub allowed_origins: Vec<String>,

    /// Request headers that such pages may send besides Accept, Content-Type, Content-Encoding and X-Requested-With, comma
    /// separated; `*` allows all.
    #[arg(
        id = "query.cors.allowed-headers",
        long = "query.cors.allowed-headers",
        value_name = "HEADERS",
        value_delimiter = ','
    )]
    pub allowed_headers: Vec<String>,

    /// How long a browser may remember what such a page may do. 0s leaves it to the browser.
    #[arg(
        id = "query.cors.max-age",
        long = "query.cors.max-age",
        value_name = "DURATION",
        default_value = "0s",
        value_parser = parse_go_duration
    )]
    pub max_age: Duration,
}

/// Lets them ask.
pub(super) fn allow(routes: Router, cors: &CorsConfig) -> Router {
    // What Jaeger's server allows, and all that there is.
    let methods = [Method::GET, Method::HEAD, Method::POST];
    match spoor_net::cors::layer(methods, &cors.allowed_origins, &cors.allowed_headers) {
        Some(layer) if cors.max_age.is_zero() => routes.layer(layer),
        Some(layer) => routes.layer(layer.max_age(cors.max_age)),
        None => routes,
    }
}
