//! Holds the senders while the store is too far behind them: they are several times as fast, and what they send has to be stored before the
//! story ends.

use std::time::Duration;

use anyhow::Result;
use spoor_proto::record::Encoding;
use spoor_tests::Spoor;
use spoor_tests::metrics::Samples;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Spans in the topic that are not stored yet, with which the senders rest, and with which they go on.
const MOST: f64 = 20_000.0;
const FEW: f64 = 10_000.0;
/// Spans in a record that has a trace of a request, on an average.
const OF_A_TRACE: f64 = 18.0;
/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(100);

pub(super) struct Brake {
    /// Where ingesters tell of themselves.
    ingesters: watch::Sender<Vec<String>>,
    flows: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Brake {
    pub(super) fn start(encoding: Encoding) -> Self {
        let spans = match encoding {
            Encoding::OtlpProto | Encoding::OtlpJson => OF_A_TRACE,
            _ => 1.0,
        };
        let (ingesters, asked) = watch::channel(Vec::new());
        let (sender, flows) = watch::channel(true);
        let task = tokio::spawn(async move {
            loop {
                let urls = asked.borrow().clone();
                let waiting = spans * lag(&urls).await;
                if waiting > MOST {
                    sender.send_replace(false);
                } else if waiting < FEW {
                    sender.send_replace(true);
                }
                tokio::time::sleep(INTERVAL).await;
            }
        });
        Self { ingesters, flows, task }
    }

    /// Whether the senders are to send.
    pub(super) fn flows(&self) -> watch::Receiver<bool> {
        self.flows.clone()
    }

    /// From now on it looks at these.
    pub(super) fn watch(&self, ingesters: &[Spoor]) {
        let urls = ingesters.iter().map(|ingester| format!("{}/metrics", ingester.url("admin")));
        self.ingesters.send_replace(urls.collect());
    }
}

impl Drop for Brake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Over the ingesters that answer.
async fn lag(urls: &[String]) -> f64 {
    let mut sum = 0.0;
    for url in urls {
        sum += lag_of(url).await.unwrap_or_default();
    }
    sum
}

async fn lag_of(url: &str) -> Result<f64> {
    let text = reqwest::get(url).await?.error_for_status()?.text().await?;
    Ok(Samples::parse(&text)?.sum("jaeger_ingester_sarama_consumer_offset_lag", ""))
}
