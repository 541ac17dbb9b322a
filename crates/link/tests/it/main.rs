//! Two links joined by a path that the test controls, under a virtual clock.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::as_conversions
)]

mod cancel;
mod credit;
mod hostile;
mod messages;
mod model;
mod pair;
mod rekey;
