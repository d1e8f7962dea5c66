//! Claims about who is let in, and what the others are told.

use std::convert::Infallible;

use clap::Parser;
use futures::FutureExt;
use http::{Request, Response};
use tower::{Layer, Service};

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    tenancy: TenancyConfig,
}

fn tenancy(args: &[&str]) -> Tenancy {
    Tenancy::new(&Program::parse_from([&["spoor"], args].concat()).tenancy)
}

fn headers(values: &[&str]) -> HeaderMap {
    values.iter().map(|value| (HeaderName::from_static("x-tenant"), value.parse().unwrap())).collect()
}

fn admitted(tenancy: &Tenancy, values: &[&str]) -> Result<Option<String>, TenancyError> {
    tenancy.admit(&headers(values)).map(|tenant| tenant.map(|TenantName(name)| name.to_string()))
}

#[test]
fn without_tenancy_everybody_comes_in_and_is_nobodys() {
    for tenancy in [tenancy(&[]), tenancy(&["--multi-tenancy.tenants=a"]), Tenancy::off()] {
        assert_eq!(admitted(&tenancy, &[]), Ok(None));
        assert_eq!(admitted(&tenancy, &["a"]), Ok(None));
    }
}

#[test]
fn exactly_one_known_tenant_comes_in() {
    let some = tenancy(&["--multi-tenancy.enabled", "--multi-tenancy.tenants=red, blue,"]);
    assert_eq!(admitted(&some, &["red"]), Ok(Some("red".to_owned())));
    assert_eq!(admitted(&some, &["blue"]), Ok(Some("blue".to_owned())));
    assert_eq!(admitted(&some, &[]), Err(TenancyError::Missing));
    assert_eq!(admitted(&some, &[""]), Err(TenancyError::Missing));
    assert_eq!(admitted(&some, &["Red"]), Err(TenancyError::Unknown));
    assert_eq!(admitted(&some, &["red", "red"]), Err(TenancyError::Extra));
    assert_eq!(admitted(&some, &["red,blue"]), Err(TenancyError::Unknown));
}

#[test]
fn without_a_list_every_name_of_bearable_length_is_a_tenant_and_the_header_may_be_another() {
    let any = tenancy(&["--multi-tenancy.enabled=true"]);
    assert_eq!(admitted(&any, &["anybody"]), Ok(Some("anybody".to_owned())));
    assert_eq!(admitted(&any, &["x".repeat(257).as_str()]), Err(TenancyError::Unknown));
    let other = tenancy(&["--multi-tenancy.enabled", "--multi-tenancy.header=X-Scope-OrgID"]);
    assert_eq!(admitted(&other, &["red"]), Err(TenancyError::Missing));
    let scope = HeaderMap::from_iter([(HeaderName::from_static("x-scope-orgid"), "red".parse().unwrap())]);
    assert_eq!(other.admit(&scope), Ok(Some(TenantName("red".into()))));
}

/// What a guarded service answers: its own answer is the tenant.
fn asked(layer: &TenancyLayer, values: &[&str]) -> Response<String> {
    let mut service = layer.layer(tower::service_fn(async |request: Request<()>| {
        let tenant = request.extensions().get::<TenantName>().map(|TenantName(name)| name.to_string());
        Ok::<_, Infallible>(Response::new(tenant.unwrap_or_default()))
    }));
    let mut request = Request::new(());
    *request.headers_mut() = headers(values);
    service.call(request).now_or_never().expect("nothing to wait for").unwrap()
}

#[test]
fn http_is_refused_with_401_and_jaegers_words() {
    let layer = TenancyLayer::http(&tenancy(&["--multi-tenancy.enabled", "--multi-tenancy.tenants=red"]));
    assert_eq!(asked(&layer, &["red"]).body(), "red");
    for (values, text) in [
        (&[][..], "missing tenant header\n"),
        (&["blue"], "unknown tenant\n"),
        (&["red", "red"], "extra tenant header\n"),
    ] {
        let answer = asked(&layer, values);
        assert_eq!((answer.status().as_u16(), answer.body().as_str()), (401, text));
        assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    }
}

#[test]
fn grpc_is_refused_with_its_own_codes() {
    let layer = TenancyLayer::grpc(&tenancy(&["--multi-tenancy.enabled", "--multi-tenancy.tenants=red"]));
    assert_eq!(asked(&layer, &["red"]).body(), "red");
    for (values, code, text) in [
        (&[][..], "16", "missing tenant header"),
        (&["blue"], "7", "unknown tenant"),
        (&["red", "red"], "7", "extra tenant header"),
    ] {
        let answer = asked(&layer, values);
        assert_eq!((answer.status().as_u16(), answer.body().as_str()), (200, ""));
        let headers = answer.headers();
        assert_eq!(
            (headers["grpc-status"].as_bytes(), headers["grpc-message"].as_bytes()),
            (code.as_bytes(), text.as_bytes())
        );
        assert_eq!(headers["content-type"], "application/grpc");
    }
}
