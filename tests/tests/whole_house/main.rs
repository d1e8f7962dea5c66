//! Story: the whole house, with the settings of `deploy/`: agents and senders, three collectors behind nginx and by a list of addresses, Kafka,
//! two ingesters, a store, two query servers behind nginx. In an order that a seed decides every kind of process is killed and
//! drained, and Kafka is started again, while spans come and somebody reads. At the end every acknowledged span is in the store
//! once, and no question has failed.
//!
//! The seed is printed; `SPOOR_STORM_SEED` sets it. `SPOOR_STORM_ROUNDS` sets how often each fault comes: once, if it does not;
//! `cargo xtask test --long` sets it to more.

mod house;
mod member;
mod names;
mod reader;

use std::env;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use house::House;
use spoor_tests::Role;
use xtask::suite::STORM_ROUNDS;

#[derive(Debug, Clone, Copy)]
enum Fault {
    Killed(Role),
    Drained(Role),
    KafkaStopped,
}

const FAULTS: [Fault; 9] = [
    Fault::Killed(Role::Agent),
    Fault::Killed(Role::Collector),
    Fault::Killed(Role::Ingester),
    Fault::Killed(Role::Query),
    Fault::Drained(Role::Agent),
    Fault::Drained(Role::Collector),
    Fault::Drained(Role::Ingester),
    Fault::Drained(Role::Query),
    Fault::KafkaStopped,
];

fn number(variable: &str) -> Result<Option<u64>> {
    let Ok(text) = env::var(variable) else { return Ok(None) };
    text.parse().map(Some).with_context(|| format!("{variable} is {text:?}; set it to a number"))
}

async fn strike(house: &mut House, fault: Fault, random: &mut fastrand::Rng) -> Result<()> {
    let (Fault::Killed(role) | Fault::Drained(role)) = fault else {
        tokio::task::block_in_place(|| house.kafka.stop())?;
        return tokio::task::block_in_place(|| house.kafka.start_again());
    };
    let mut kind: Vec<_> = house.members.iter_mut().filter(|(of, _)| *of == role).collect();
    let chosen = random.usize(..kind.len());
    let (_, member) = kind.get_mut(chosen).context("each role has members")?;
    match fault {
        Fault::Killed(_) => member.kill().await?,
        _ => member.drain().await?,
    }
    member.start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_process_goes_and_comes_and_no_acknowledged_span_is_lost_and_no_question_fails()
-> Result<()> {
    let by_clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let seed = number("SPOOR_STORM_SEED")?.unwrap_or(by_clock);
    let rounds = number(STORM_ROUNDS)?.unwrap_or(1);
    eprintln!("the house's seed is {seed}, its rounds are {rounds}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut house = House::start(seed).await?;
    house.goes_on().await.with_context(|| format!("seed {seed}: in calm"))?;
    eprintln!("{:<24}{:>8}{:>10}{:>8}", "fault", "seconds", "answers", "failed");
    for _ in 0..rounds {
        let mut faults = FAULTS;
        random.shuffle(&mut faults);
        for fault in faults {
            let (began, answers) = (Instant::now(), house.reader.answers());
            strike(&mut house, fault, &mut random)
                .await
                .with_context(|| format!("seed {seed}: {fault:?}"))?;
            house.goes_on().await.with_context(|| format!("seed {seed}: after {fault:?}"))?;
            let (seconds, more) = (began.elapsed().as_secs_f64(), house.reader.answers() - answers);
            eprintln!(
                "{:<24}{seconds:>8.1}{more:>10}{:>8}",
                format!("{fault:?}"),
                house.reader.failed().len()
            );
        }
    }
    house.end().await.with_context(|| format!("seed {seed}"))
}
