//! Claims about answers that a store's reader gathers before it hands them on: they count while they come.

use std::time::Duration;

use async_trait::async_trait;
use spoor_model::{MetricSeries, SpanKind, SpanMetricsQuery};
use spoor_storage::{AnswerRoom, MetricsReader};
use tokio::sync::Notify;

use super::*;

/// Says that its answer takes so many bytes, and goes on when it is told to.
struct Gathering {
    bytes: usize,
    said: Notify,
    go_on: Notify,
}

impl Gathering {
    async fn answer(&self, context: &RequestContext) -> Result<Vec<MetricSeries>, ReadError> {
        context.takes(self.bytes)?;
        self.said.notify_one();
        self.go_on.notified().await;
        Ok(Vec::new())
    }
}

#[async_trait]
impl MetricsReader for Gathering {
    fn min_step(&self) -> Duration {
        Duration::from_millis(1)
    }

    async fn latencies(
        &self,
        context: &RequestContext,
        _: &SpanMetricsQuery,
        _: f64,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        self.answer(context).await
    }

    async fn call_rates(
        &self,
        context: &RequestContext,
        _: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        self.answer(context).await
    }

    async fn error_rates(
        &self,
        context: &RequestContext,
        _: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        self.answer(context).await
    }
}

fn over(bytes: usize) -> (Service, Arc<Gathering>) {
    let metrics = Arc::new(Gathering { bytes, said: Notify::new(), go_on: Notify::new() });
    let reader = Arc::new(FakeReader::new(Script::Hang));
    let stores = Stores { span_metrics: Some(metrics.clone()), ..Stores::new(reader) };
    let config = config(&["--query.max-bytes-in-flight=1MiB"]);
    (Service::new(&config, stores, Metrics::register(&mut Registry::default())), metrics)
}

async fn rates(service: &Service) -> Result<Series, SpanMetricsError> {
    let query = SpanMetricsQuery {
        services: vec!["shop".to_owned()],
        kinds: vec![SpanKind::Server],
        by_operation: false,
        range: query().start,
        step: Duration::from_secs(1),
        rate_per: Duration::from_secs(1),
    };
    service.span_metrics(&service.context(), SpanMetric::CallRate, &query).await
}

#[tokio::test]
async fn an_answer_that_a_store_gathers_counts_while_it_comes_and_no_longer() {
    let (service, metrics) = over(700 << 10);
    let asking = rates(&service);
    let looking = async {
        metrics.said.notified().await;
        assert_eq!(service.bytes.held(), 700 << 10);
        let Err(SpanMetricsError::Read(busy)) = rates(&service).await else { panic!("there was room") };
        assert!(
            busy.kind == ReadErrorKind::Busy && busy.to_string().contains("--query.max-bytes-in-flight"),
            "{busy}"
        );
        metrics.go_on.notify_one();
    };
    let (answer, ()) = tokio::join!(asking, looking);
    assert!(answer.is_ok() && service.bytes.held() == 0);
}

#[tokio::test]
async fn who_goes_while_an_answer_is_gathered_gives_its_room_back() {
    let (service, metrics) = over(700 << 10);
    tokio::select! {
        _ = rates(&service) => panic!("nobody told it to go on"),
        () = metrics.said.notified() => {}
    }
    assert_eq!(service.bytes.held(), 0);
}

#[tokio::test]
async fn what_a_reader_says_last_is_what_counts() {
    let (service, _) = over(0);
    let (context, charge) = service.charged(&service.context()).unwrap();
    for bytes in [10, 100, 50] {
        charge.takes(bytes).unwrap();
        assert_eq!(service.bytes.held(), bytes);
    }
    context.takes(2 << 20).unwrap_err();
    assert_eq!(service.bytes.held(), 50, "a refusal takes nothing");
    let room = service.settled(&charge, 70).unwrap();
    context.takes(500).unwrap();
    assert_eq!(service.bytes.held(), 70, "the answer is there, whatever the reader says");
    drop(room);
    assert_eq!(service.bytes.held(), 0);
}
