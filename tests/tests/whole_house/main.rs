//! Story: the whole house, with the settings of `deploy/`: agents and senders, three collectors behind nginx and by a list of addresses, Kafka,
//! two ingesters, a store of three nodes, two query servers behind nginx, retention by a schedule, two Prometheus, a third that
//! federates them, two Alertmanagers. In an order that a seed decides every kind of process is killed and drained, a node of the
//! store is killed, Kafka is started again, each nginx is killed and takes its configuration anew, a Prometheus and an Alertmanager are
//! killed, one after another and then two at a time, while spans come and somebody reads. At the end every acknowledged span is in the
//! store once, no question has failed but those that came while there was no nginx, what is old is gone, and the alerts that had to be
//! told were told, although one of each that watches was away, and no others.
//!
//! The seed is printed; `SPOOR_STORM_SEED` sets it. `SPOOR_STORM_ROUNDS` sets how often each fault comes: once, if it does not;
//! `cargo xtask test --long` sets it to more.

mod account;
mod alarm;
mod doors;
mod fault;
mod house;
mod load;
mod member;
mod monitors;
mod names;
mod operators;
mod reader;
mod sdk;
mod yesterday;

use std::env;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use fault::{FAULTS, Fault, mend, pairs, strike};
use house::House;
use xtask::suite::STORM_ROUNDS;

/// Pairs of faults in a round.
const PAIRS: usize = 3;

fn number(variable: &str) -> Result<Option<u64>> {
    let Ok(text) = env::var(variable) else { return Ok(None) };
    text.parse().map(Some).with_context(|| format!("{variable} is {text:?}; set it to a number"))
}

/// Faults at once, and the house goes on after them. A line of the report.
async fn bear(house: &mut House, faults: &[Fault], random: &mut fastrand::Rng) -> Result<()> {
    let (began, answers) = (Instant::now(), house.reader.answers());
    let mut away = Vec::new();
    for fault in faults {
        away.push(strike(house, *fault, random).await.with_context(|| format!("{fault:?}"))?);
    }
    away.sort_unstable();
    for gone in away {
        mend(house, gone).await?;
    }
    house.goes_on().await?;
    let (seconds, more) = (began.elapsed().as_secs_f64(), house.reader.answers() - answers);
    let name = faults.iter().map(|fault| format!("{fault:?}")).collect::<Vec<_>>().join(" + ");
    let (failed, refused) = (house.reader.failed().len(), house.reader.refused());
    eprintln!("{name:<52}{seconds:>8.1}{more:>10}{failed:>8}{refused:>10}");
    Ok(())
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
    house.is_calm().await.with_context(|| format!("seed {seed}: alerts in calm"))?;
    eprintln!("{:<52}{:>8}{:>10}{:>8}{:>10}", "fault", "seconds", "answers", "failed", "no nginx");
    for _ in 0..rounds {
        let mut faults = FAULTS;
        random.shuffle(&mut faults);
        let single = faults.iter().map(std::slice::from_ref);
        let two = pairs(&mut random, PAIRS);
        for faults in single.chain(two.iter().map(|pair| &pair[..])) {
            bear(&mut house, faults, &mut random)
                .await
                .with_context(|| format!("seed {seed}: {faults:?}"))?;
        }
    }
    let alarm = alarm::is_raised_and_ends(&mut house, &mut random);
    alarm.await.with_context(|| format!("seed {seed}: alarm"))?;
    house.end().await.with_context(|| format!("seed {seed}"))
}
