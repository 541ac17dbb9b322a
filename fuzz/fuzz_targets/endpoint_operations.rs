//! Any sequence of calls, sensible or not: an endpoint asks only for what is possible, has one first packet in flight
//! to a peer and one session with it, tells everybody who waits once and in time, and is empty after a shutdown.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/endpoint/tests/operations/model.rs"]
mod model;

fuzz_target!(|operations: &[u8]| {
    static CAST: OnceLock<model::Cast> = OnceLock::new();
    // Longer sequences find nothing that shorter ones do not.
    model::run(CAST.get_or_init(model::Cast::new), &operations[..operations.len().min(1_500)]);
});
