//! Those who are told of alerts: the receiver of the Alertmanagers' messages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;

/// In how many messages each alert was told to be firing, by its name.
type Told = Arc<Mutex<BTreeMap<String, usize>>>;

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

    /// The alerts that were told to be firing, by their names, and how often.
    pub(super) fn heard(&self) -> BTreeMap<String, usize> {
        self.told.lock().expect("nobody panics with it").clone()
    }
}

async fn note(State(told): State<Told>, Json(message): Json<Value>) {
    let mut told = told.lock().expect("nobody panics with it");
    let alerts = message["alerts"].as_array().into_iter().flatten();
    for alert in alerts.filter(|alert| alert["status"] == "firing") {
        let name = alert["labels"]["alertname"].as_str().unwrap_or_default();
        *told.entry(name.to_owned()).or_default() += 1;
    }
}
