//! Story: a storm over two collectors, the broker, two ingesters and the store. In an order and at moments that a seed decides, collectors
//! and ingesters are killed, the broker halts, stops, is killed, the topic gets more partitions, the store halts, refuses, and records
//! come into the topic that nobody can read: one of these alone, or a second one while the first lasts. At the end every acknowledged
//! span is in the store once, none that nobody sent, every poisoned record is set aside, and nothing is left to do.
//!
//! Both collectors are under full load: each has four requests of 512 spans under way at any time, and the next one follows on each answer. The
//! only bound is the store, which is several times slower: while 20,000 spans lie in the topic and wait for it, the senders rest.
//!
//! The seed is printed; `SPOOR_STORM_SEED` sets it, and with it the encoding of the records. `SPOOR_STORM_ROUNDS` sets how often each
//! fault comes: once, if it does not; `cargo xtask test --long` sets it to more.

mod brake;
mod fault;
mod lane;
mod poison;
mod scene;
mod strike;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use scene::Storm;
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
        for blow in fault::round(&mut storm.random) {
            eprintln!("{blow:?} after {:?}", storm.began.elapsed());
            storm.strike(&blow).await.with_context(|| format!("seed {seed}: {blow:?}"))?;
            storm.calm().await.with_context(|| format!("seed {seed}: after {blow:?}"))?;
        }
    }
    storm.end().await.with_context(|| format!("seed {seed}"))
}
