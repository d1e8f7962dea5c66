//! Hosts a build of Jaeger's UI: its index.html with what this server tells it, and its files.

mod assets;
mod config;
mod customization;
mod file;
mod index;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

pub use config::UiConfig;
use customization::Customization;
use file::Watched;
pub(crate) use index::Capabilities;
use index::Insert;

use crate::config::BasePath;

/// Why the pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    /// A file cannot be read.
    #[error("{setting}: cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: std::io::Error,
    },
    /// The UI's configuration is none.
    #[error(
        "--query.ui-config={}: {why}; give a .json file with an object, or a .js file that defines function UIConfig()",
        path.display()
    )]
    Customization {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The UI's directory has no page.
    #[error(
        "--query.static-files={}: there is no UI: {cause}; give the directory that holds index.html and static/ of a build of Jaeger's UI",
        directory.display()
    )]
    NoUi {
        /// The directory.
        directory: PathBuf,
        /// What is wrong.
        cause: Box<UiError>,
    },
    /// A configuration for nobody.
    #[error(
        "--query.ui-config configures a UI and there is none: give the directory of a build of Jaeger's UI by --query.static-files"
    )]
    NothingToConfigure,
}

/// A UI that is hosted here.
pub(crate) struct Ui {
    directory: PathBuf,
    index: Arc<Watched<String>>,
    customization: Option<Arc<Watched<Customization>>>,
    base_path: BasePath,
    version: String,
}

impl Ui {
    /// Looks at the files once, so that what is wrong with them is told at the start; `None` when no UI is hosted.
    ///
    /// `version` is the program's, in JSON: `{"gitCommit","gitVersion","buildDate"}`.
    pub(crate) fn open(
        config: &UiConfig,
        base_path: &BasePath,
        version: &str,
    ) -> Result<Option<Self>, UiError> {
        let Some(directory) = config.static_files.clone() else {
            return config.ui_config.as_ref().map_or(Ok(None), |_| Err(UiError::NothingToConfigure));
        };
        let index = Watched::open(directory.join("index.html"), read_index)
            .map_err(|cause| UiError::NoUi { directory: directory.clone(), cause: Box::new(cause) })?;
        let customization =
            config.ui_config.clone().map(|path| Watched::open(path, Customization::read)).transpose()?;
        let (base_path, version) = (base_path.clone(), version.to_owned());
        Ok(Some(Self { directory, index, customization, base_path, version }))
    }

    /// The page, the same for every path: the UI finds its way in the browser.
    pub(crate) async fn page(&self, capabilities: Capabilities, asked: &HeaderMap) -> Response {
        let html = self.index.current().await;
        let customization = match &self.customization {
            Some(file) => Some(file.current().await),
            None => None,
        };
        let insert = Insert {
            base_path: self.base_path.prefix(),
            version: &self.version,
            capabilities,
            customization: customization.as_deref(),
        };
        page_response(index::render(&html, &insert), asked)
    }

    /// The file with this path below `static/`, or `None` where there is none.
    pub(crate) async fn asset(&self, path: &str, request: Request) -> Option<Response> {
        assets::serve(&self.directory.join("static"), path, request).await
    }
}

fn read_index(path: &Path) -> Result<String, UiError> {
    file::read("--query.static-files", path)
}

/// Browsers ask each time and get the page when it is another one. The tag is weak: it is that of all encodings.
fn page_response(page: String, asked: &HeaderMap) -> Response {
    let tag = format!("W/\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(page.as_bytes()));
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
    let status = match known.any(|known| known == "*" || known.trim_start_matches("W/") == &tag[2..]) {
        true => StatusCode::NOT_MODIFIED,
        false => StatusCode::OK,
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::ETAG, HeaderValue::try_from(tag).expect("hex digits in quotes are a header's value")),
    ];
    match status {
        StatusCode::NOT_MODIFIED => (status, headers).into_response(),
        _ => (status, headers, page).into_response(),
    }
}

#[cfg(test)]
mod tests;
