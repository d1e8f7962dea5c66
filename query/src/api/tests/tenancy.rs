//! Claims about tenants: nothing of the port without one, and everything of the store for that one alone.

use spoor_storage::memory::{self, MemoryStore};
use spoor_storage::{RequestContext, SpanWriter, Tenant};

use super::*;

/// A port over a memory store with one trace of `red`.
async fn port(args: &[&str]) -> Router {
    let store = Arc::new(MemoryStore::new(&memory::Config::default(), &mut Registry::default()));
    let context = RequestContext {
        tenant: Tenant::new("red"),
        ..RequestContext::with_timeout(std::time::Duration::from_secs(10))
    };
    store.write(&context, &plain_trace(0xa, 2)).await.unwrap();
    let guard = ["--multi-tenancy.enabled", "--multi-tenancy.tenants=red,blue"];
    let Program { query, tenancy } = parse(&[&guard, args].concat());
    behind(&Tenancy::new(&tenancy), &query, Stores::new(store))
}

async fn ask(router: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn both_apis_show_a_tenant_its_own_traces_alone() {
    let router = port(&[]).await;
    for path in ["/api/traces/a", "/api/v3/traces/0000000000000000000000000000000a"] {
        assert_eq!(ask(&router, "GET", path, &[("x-tenant", "red")]).await.0, 200, "{path}");
        assert_eq!(ask(&router, "GET", path, &[("x-tenant", "blue")]).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn every_path_is_guarded_the_page_and_unknown_ones_too() {
    let router = port(&["--query.base-path=/jaeger"]).await;
    for path in [
        "/",
        "/jaeger",
        "/jaeger/",
        "/jaeger/search",
        "/jaeger/api/services",
        "/jaeger/static/x.js",
        "/api/nothing",
    ] {
        for (headers, text) in
            [(&[][..], "missing tenant header\n"), (&[("x-tenant", "green")], "unknown tenant\n")]
        {
            assert_eq!(ask(&router, "GET", path, headers).await, (401, text.to_owned()), "{path}");
        }
    }
    assert_eq!(ask(&router, "POST", "/jaeger/api/archive/a", &[]).await.0, 401);
}

#[tokio::test]
async fn a_browsers_preflight_that_can_name_no_tenant_is_answered() {
    let router =
        port(&["--query.cors.allowed-origins=https://a.example", "--query.cors.allowed-headers=x-tenant"])
            .await;
    let origin = ("origin", "https://a.example");
    let asks =
        [origin, ("access-control-request-method", "GET"), ("access-control-request-headers", "x-tenant")];
    assert_eq!(ask(&router, "OPTIONS", "/api/services", &asks).await.0, 200);
    assert_eq!(ask(&router, "GET", "/api/services", &[origin]).await.0, 401);
}
