//! Who asks: what a request brings along for the store, by Jaeger's rules (`jaegertracing/jaeger internal/auth/bearertoken/http.go`).

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use spoor_net::tenancy::TenantName;
use spoor_storage::{Credentials, RequestContext, Tenant};
use spoor_tracer::OwnSpan;

use super::Api;

/// Set by proxies that logged the user in.
const FORWARDED_TOKEN: &str = "x-forwarded-access-token";

/// The context of a request: the time it has, its tenant where there are tenants, and with `--query.bearer-token-propagation` the user's token.
pub(super) struct Caller(pub(super) RequestContext);

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Infallible> {
        let mut context = api.service.context();
        context.tenant = tenant(&parts.extensions);
        context.own_span = OwnSpan::of(&parts.extensions);
        if api.propagates_tokens {
            context.credentials = token(&parts.headers).map(Credentials::bearer);
        }
        Ok(Self(context))
    }
}

/// Whom the port's guard let in.
pub(crate) fn tenant(extensions: &Extensions) -> Tenant {
    extensions.get().map_or_else(Tenant::default, |TenantName(name)| Arc::clone(name).into())
}

/// `Authorization: Bearer TOKEN`, or a lone word there; else `X-Forwarded-Access-Token`.
fn token(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty());
    let authorization = text(AUTHORIZATION.as_str()).and_then(|value| match value.split_once(' ') {
        None => Some(value),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Some(token.trim()).filter(|token| !token.contains(' '))
        }
        Some(_) => None,
    });
    authorization.or_else(|| text(FORWARDED_TOKEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_where_jaeger_looks_for_it() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            token(&headers.collect()).map(str::to_owned)
        };
        assert_eq!(of(&[("authorization", "Bearer abc")]).as_deref(), Some("abc"));
        assert_eq!(of(&[("authorization", "abc")]).as_deref(), Some("abc"));
        assert_eq!(of(&[("authorization", "Basic abc")]), None);
        assert_eq!(of(&[("authorization", "Bearer a b")]), None);
        let both = [("authorization", "Basic abc"), (FORWARDED_TOKEN, "def")];
        assert_eq!(of(&both).as_deref(), Some("def"));
        assert_eq!(of(&[("authorization", "Bearer abc"), (FORWARDED_TOKEN, "def")]).as_deref(), Some("abc"));
        assert_eq!(of(&[(FORWARDED_TOKEN, "")]), None);
    }
}
