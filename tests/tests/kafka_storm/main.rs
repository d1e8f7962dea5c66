//! Story: a storm over two collectors, the broker, two ingesters and the store. In an order and at moments that a seed decides, collectors
//! and ingesters are killed, the broker halts, stops, is killed, the topic gets more partitions, the store halts, refuses, and records
//! come into the topic that nobody can read, while both collectors are under load. At the end every acknowledged span is in the
//! store once, none that nobody sent, every poisoned record is set aside, and nothing is left to do.
//!
//! The seed is printed; `SPOOR_STORM_SEED` sets it. `SPOOR_STORM_ROUNDS` sets how often each fault comes: once, if it does not;
//! `cargo xtask test --long` sets it to more.

mod lane;
mod poison;
mod scene;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use scene::{FAULTS, Storm};
use xtask::suite::STORM_ROUNDS;

fn number(variable: &str) -> Result<Option<u64>> {
    let Ok(text) = env::var(variable) else { return Ok(None) };
    text.parse().map(Some).with_context(|| format!("{variable} is {text:?}; set it to a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_span_is_lost_in_a_storm_over_everything_on_its_way() -> Result<()> {
    let by_clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let seed = number("SPOOR_STORM_SEED")?.unwrap_or(by_clock);
    let rounds = number(STORM_ROUNDS)?.unwrap_or(1);
    eprintln!("the storm's seed is {seed}, its rounds are {rounds}");
    let mut storm = Storm::start(seed).await?;
    storm.calm().await?;
    for _ in 0..rounds {
        let mut faults = FAULTS;
        storm.random.shuffle(&mut faults);
        for fault in faults {
            eprintln!("{fault:?}");
            storm.strike(fault).await.with_context(|| format!("seed {seed}: {fault:?}"))?;
            storm.calm().await.with_context(|| format!("seed {seed}: after {fault:?}"))?;
        }
    }
    storm.end().await.with_context(|| format!("seed {seed}"))
}
