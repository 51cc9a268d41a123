//! How many cases of a property are tried, and which.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The same cases each time.
pub(crate) fn cases(count: u32) -> TestRunner {
    let config = Config {
        cases: count,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}
