//! Settings of the pages. The doc comments are the help text and the manual.

use std::path::PathBuf;

/// Settings of the pages: Jaeger v1's.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct UiConfig {
    /// Directory that holds index.html and static/ of a build of Jaeger's UI, 1.x or 2.x, as jaeger-ui's releases bring one in
    /// assets.tar.gz. Another build laid there is taken up without a restart. Links out of static/ are not followed. Without a UI one
    /// page of our own says what runs here.
    #[arg(id = "query.static-files", long = "query.static-files", value_name = "DIRECTORY")]
    pub static_files: Option<PathBuf>,

    /// File that configures the UI: .json with an object, or .js that defines function UIConfig. It is read again, at most every
    /// 10 s, while people look at the UI.
    #[arg(id = "query.ui-config", long = "query.ui-config", value_name = "FILE")]
    pub ui_config: Option<PathBuf>,

    /// Logs each page and file of the UI that is asked for.
    #[arg(
        id = "query.log-static-assets-access",
        long = "query.log-static-assets-access",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub log_access: bool,
}
