//! The generator: a landscape of services, call trees through it, spans from the trees, requests from the spans.
//! Everything follows from the configuration and the base time; no clock, no other source of randomness.

mod landscape;
mod popularity;
mod request;
mod tags;
mod thrift;
mod trace;
mod tree;
mod values;

pub use request::{Request, Requests, SpanKey, TraceRequests};

/// Random numbers for the part `index` of what `seed` describes: parts can be made in any order and stay the same.
fn part_rng(seed: u64, index: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(scramble(seed ^ scramble(index)))
}

/// Spreads neighboring numbers over all 64 bits (the finalizer of SplitMix64), so that neighboring parts share no sequence.
fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
