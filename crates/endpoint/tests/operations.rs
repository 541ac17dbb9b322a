//! Any sequence of calls leaves an endpoint that keeps its promises.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

#[path = "operations/model.rs"]
mod model;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

#[test]
fn any_sequence_of_calls_keeps_the_promises() {
    let cast = model::Cast::new();
    let config = ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() };
    let operations = prop::collection::vec(any::<u8>(), 0..900);
    TestRunner::new(config)
        .run(&operations, |operations| {
            model::run(&cast, &operations);
            Ok(())
        })
        .unwrap();
}
