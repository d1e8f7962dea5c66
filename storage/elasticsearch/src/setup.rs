//! Getting acquainted with the store in the background: which server it is, and, for a writer, its templates.
//! Opening never waits for the store; reads and writes are told why it is not ready yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::client::{Client, Error, Request, Server};
use crate::template::Template;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest that one question or template may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether the store can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// The first attempt to reach the store is under way.
    Starting,
    /// The store could not be prepared yet, for this reason; attempts go on.
    NotReady(String),
    /// The store is this server and has what is needed.
    Ready(Server),
}

/// The store is not ready.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store is not ready: {reason}")]
pub(crate) struct NotReady {
    reason: String,
}

/// Makes the templates for a server; `None` where none are to be installed.
pub(crate) type TemplatesFor = Box<dyn Fn(Server) -> Vec<Template> + Send + Sync>;

/// The preparation and its state. The work ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Setup {
    state: watch::Receiver<Readiness>,
    task: tokio::task::JoinHandle<()>,
}

impl Setup {
    /// Starts the preparation; needs a Tokio runtime around it. A server named by the configuration is not asked.
    pub(crate) fn start(
        client: Arc<Client>,
        known: Option<Server>,
        templates_for: Option<TemplatesFor>,
    ) -> Self {
        let initial = match (known, &templates_for) {
            (Some(server), None) => Readiness::Ready(server),
            _ => Readiness::Starting,
        };
        let (tell, state) = watch::channel(initial);
        Self { state, task: tokio::spawn(run(client, known, templates_for, tell)) }
    }

    pub(crate) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.state.clone()
    }

    /// Waits for the first attempt to end, at most until the deadline.
    pub(crate) async fn ready(&self, deadline: Instant) -> Result<Server, NotReady> {
        let mut state = self.state.clone();
        let known = state.wait_for(|state| *state != Readiness::Starting);
        let state = match tokio::time::timeout_at(deadline.into(), known).await {
            Ok(Ok(state)) => state.clone(),
            Ok(Err(_)) | Err(_) => Readiness::Starting,
        };
        match state {
            Readiness::Ready(server) => Ok(server),
            Readiness::NotReady(reason) => Err(NotReady { reason }),
            Readiness::Starting => Err(NotReady { reason: "it has not answered yet".to_owned() }),
        }
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    client: Arc<Client>,
    known: Option<Server>,
    templates_for: Option<TemplatesFor>,
    tell: watch::Sender<Readiness>,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        match prepare(&client, known, templates_for.as_ref()).await {
            Ok(server) => {
                tracing::info!(%server, "the store is ready");
                tell.send_replace(Readiness::Ready(server));
                return;
            }
            Err(error) => {
                let told = Readiness::NotReady(error.to_string());
                // The same trouble again is not news.
                if tell.send_replace(told.clone()) != told {
                    tracing::warn!(%error, "the store is not ready; trying again");
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn prepare(
    client: &Client,
    known: Option<Server>,
    templates_for: Option<&TemplatesFor>,
) -> Result<Server, Error> {
    let server = match known {
        Some(server) => server,
        None => client.detect(Instant::now() + STEP_TIMEOUT).await?,
    };
    for template in templates_for.map(|templates_for| templates_for(server)).unwrap_or_default() {
        let body = template.body.to_string().into_bytes();
        let attempted = format!("install the template {}", template.path);
        client.send(Request::put(template.path, body, attempted), Instant::now() + STEP_TIMEOUT).await?;
    }
    Ok(server)
}
