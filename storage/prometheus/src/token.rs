//! Who we are to Prometheus: the user's token, or that of a file which is read for each question, or the user in the address.

use std::path::{Path, PathBuf};

use http::HeaderValue;
use spoor_storage::Credentials;
use tokio::io::AsyncReadExt;

use crate::Config;

/// Longer than any token; a larger file was named by mistake.
const MAX_BYTES: u64 = 64 << 10;

/// Where the `Authorization` header comes from.
#[derive(Debug)]
pub(crate) struct Authorization {
    file: Option<PathBuf>,
    takes_callers: bool,
    of_address: Option<HeaderValue>,
}

impl Authorization {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            file: (!config.token_file.is_empty()).then(|| PathBuf::from(&config.token_file)),
            takes_callers: config.token_override_from_context,
            of_address: config.server_url.authorization().cloned(),
        }
    }

    /// The header for a question of this caller, if there is any. An error tells what is wrong with the file.
    pub(crate) async fn header(&self, caller: Option<&Credentials>) -> Result<Option<HeaderValue>, String> {
        if self.takes_callers
            && let Some(caller) = caller
        {
            let header = bearer(caller.token());
            return header.map(Some).ok_or_else(|| "the user's token cannot be sent in a header".to_owned());
        }
        let Some(path) = &self.file else { return Ok(self.of_address.clone()) };
        let told = |problem: String| format!("--prometheus.token-file={}: {problem}", path.display());
        let token = read(path).await.map_err(told)?;
        bearer(&token).map(Some).ok_or_else(|| told("what it holds cannot be sent in a header".to_owned()))
    }
}

async fn read(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let metadata = tokio::fs::metadata(path).await.map_err(told)?;
    // A pipe that nobody writes to would hold us up.
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut text = String::new();
    let file = tokio::fs::File::open(path).await.map_err(told)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).await.map_err(told)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {MAX_BYTES} bytes, so not a token"));
    }
    let token = text.trim_end_matches(['\r', '\n']);
    if token.is_empty() { Err("it is empty".to_owned()) } else { Ok(token.to_owned()) }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}
