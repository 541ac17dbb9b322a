//! Any sequence of calls leaves an endpoint that keeps its promises.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

#[path = "operations/model.rs"]
mod model;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_calls_keeps_the_promises(operations in prop::collection::vec(any::<u8>(), 0..900)) {
        model::run(&operations);
    }
}
