//! What people see in a browser: the hosted UI, or a page of our own.

use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::{Api, not_found, page};
use crate::config::Config;
use crate::stores::Stores;
use crate::ui::{Capabilities, Ui};

/// All that is no API.
pub(super) struct Front {
    ui: Option<Ui>,
    /// Stands there when no UI does.
    page: String,
    base_path: String,
    log_access: bool,
}

impl Front {
    pub(super) fn new(config: &Config, ui: Option<Ui>) -> Self {
        let base_path = config.base_path.prefix().to_owned();
        Self { ui, page: page::render(&base_path), base_path, log_access: config.ui.log_access }
    }

    fn log(&self, uri: &Uri) {
        if self.log_access {
            tracing::info!(%uri, "a page or file of the UI is asked for");
        }
    }
}

/// The page, for every path that is none of the API's.
pub(super) async fn page(
    State(api): State<Arc<Api>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_found().await;
    }
    api.front.log(&uri);
    let Some(ui) = &api.front.ui else {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        return ([(header::CONTENT_TYPE, html)], api.front.page.clone()).into_response();
    };
    match with_slash(&api.front.base_path, &uri) {
        Some(location) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response(),
        None => ui.page(capabilities(api.service.stores()), request.headers()).await,
    }
}

/// A file of the UI.
pub(super) async fn asset(
    State(api): State<Arc<Api>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    let Some(ui) = &api.front.ui else { return page(State(api), OriginalUri(uri), request).await };
    api.front.log(&uri);
    let path = request.uri().path().strip_prefix("/static/").unwrap_or_default().to_owned();
    match ui.asset(&path, request).await {
        Some(file) => file,
        None => not_found().await,
    }
}

/// The base path without the slash behind it is no place for a UI: it takes all up to the last slash for its own base.
fn with_slash(base_path: &str, uri: &Uri) -> Option<HeaderValue> {
    if base_path.is_empty() || uri.path() != base_path {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    HeaderValue::try_from(format!("{base_path}/{query}")).ok()
}

/// What the UI may offer now.
fn capabilities(stores: &Stores) -> Capabilities {
    Capabilities {
        archive_storage: stores.archive.is_some(),
        metrics_storage: stores.span_metrics.is_some(),
        search_without_service: stores.reader.capabilities().search_without_service,
    }
}
