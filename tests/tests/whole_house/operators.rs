//! Those who are told of alerts: the receiver of the Alertmanagers' messages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;

/// How often each alert was told: by its name, its instance, and `firing` or `resolved`.
type Told = Arc<Mutex<BTreeMap<(String, String, String), usize>>>;

/// Takes messages until it is dropped with the runtime.
pub(super) struct Operators {
    told: Told,
    /// `HOST:PORT` in place of the one of the shipped file.
    pub(super) address: String,
}

impl Operators {
    pub(super) async fn listen() -> Result<Self> {
        let told = Told::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let router = Router::new()
            .route("/operators", post(note))
            .route("/operators-at-night", post(note))
            .with_state(told.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { told, address })
    }

    /// Names of alerts that were told as firing, with how many messages named each.
    pub(super) fn heard(&self) -> BTreeMap<String, usize> {
        let mut heard = BTreeMap::new();
        let told = self.told.lock().expect("nobody panics with it");
        for ((name, _, status), times) in told.iter() {
            if status == "firing" {
                *heard.entry(name.clone()).or_default() += times;
            }
        }
        heard
    }
}

async fn note(State(told): State<Told>, Json(message): Json<Value>) {
    let mut told = told.lock().expect("nobody panics with it");
    for alert in message["alerts"].as_array().into_iter().flatten() {
        let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
        let status = alert["status"].as_str().unwrap_or_default().to_owned();
        *told.entry((label("alertname"), label("instance"), status)).or_default() += 1;
    }
}
