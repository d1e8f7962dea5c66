//! [`KafkaBrowser`]: looking at a topic from outside, as a member of no group.
//!
//! The library's calls wait for the brokers, so that they are made in a thread of its own, one after the other; see [`desk`].

mod desk;

use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use async_trait::async_trait;
use spoor_topic::{Extent, Page, PageBounds, ReadError, TopicBrowser};
use tokio::sync::oneshot;

use crate::config::ConsumerConfig;
use crate::{SettingsError, client_config};
use desk::Desk;

/// Looks at a topic in Kafka.
pub struct KafkaBrowser {
    /// Whoever looks is told what; nobody is left to ask once it is dropped, which ends the thread.
    asks: mpsc::Sender<Ask>,
    /// "look at topic jaeger-spans at 127.0.0.1:9092".
    work: String,
}

/// What is asked of the thread.
enum Ask {
    Extents { deadline: Instant, answer: oneshot::Sender<Result<Vec<Extent>, ReadError>> },
    Page { wish: PageWish, deadline: Instant, answer: oneshot::Sender<Result<Page, ReadError>> },
}

/// Which page.
#[derive(Debug, Clone, Copy)]
struct PageWish {
    partition: i32,
    from: i64,
    bounds: PageBounds,
}

impl KafkaBrowser {
    /// Looks at the topic that the settings name, for whom they name. Whoever reads it in the group of the settings does not notice.
    /// Brokers that are away are no error here, but of each look.
    ///
    /// # Errors
    /// Settings that cannot work, by name.
    pub fn open(settings: &ConsumerConfig) -> Result<Self, SettingsError> {
        let config = client_config::browser(settings)?;
        let connection = &settings.connection;
        let work = format!("look at topic {} at {}", connection.topic, connection.brokers.join(","));
        let desk = Desk::open(&config, &connection.topic, &work)?;
        let (asks, asked) = mpsc::channel();
        let spawned = thread::Builder::new().name("kafka-browser".to_owned()).spawn(move || desk.run(&asked));
        spawned.map_err(|error| {
            SettingsError::new("--kafka.consumer.brokers", format!("no thread to look at topics: {error}"))
        })?;
        Ok(Self { asks, work })
    }

    async fn ask<T>(
        &self,
        deadline: Instant,
        ask: impl FnOnce(oneshot::Sender<Result<T, ReadError>>) -> Ask,
    ) -> Result<T, ReadError> {
        let failed = |problem: &str| ReadError { attempted: self.work.clone(), problem: problem.to_owned() };
        if Instant::now() >= deadline {
            return Err(failed("the time for it is over"));
        }
        let (answer, answered) = oneshot::channel();
        self.asks.send(ask(answer)).map_err(|_| failed("the thread that looks has ended"))?;
        // The thread keeps to the deadline by itself, and knows better what was wrong.
        match tokio::time::timeout_at((deadline + desk::SLACK).into(), answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(failed("the thread that looks has ended")),
            Err(_) => Err(failed("the brokers did not answer in time: try again, with more time")),
        }
    }
}

#[async_trait]
impl TopicBrowser for KafkaBrowser {
    async fn extents(&self, deadline: Instant) -> Result<Vec<Extent>, ReadError> {
        self.ask(deadline, |answer| Ask::Extents { deadline, answer }).await
    }

    async fn read(
        &self,
        partition: i32,
        from: i64,
        bounds: PageBounds,
        deadline: Instant,
    ) -> Result<Page, ReadError> {
        let wish = PageWish { partition, from, bounds };
        self.ask(deadline, |answer| Ask::Page { wish, deadline, answer }).await
    }
}
