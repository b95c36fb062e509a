//! Routing semantics against an oracle that is written from the text of the Gateway API alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // Tests.

mod edges;
mod explanations;
mod generate;
mod incremental;
mod oracle;
mod routing;

use proptest::test_runner::{Config, RngSeed};

/// Property tests always see the same inputs, unless `ROUTER_SEED` and `ROUTER_CASES` ask for others.
fn config(cases: u32) -> Config {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    Config {
        cases: number("ROUTER_CASES").unwrap_or(cases),
        rng_seed: RngSeed::Fixed(u64::from(number("ROUTER_SEED").unwrap_or(20_261_121))),
        failure_persistence: None,
        ..Config::default()
    }
}
