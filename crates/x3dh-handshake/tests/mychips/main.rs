//! The MyCHIPs profile: every cell of its tables, what has gone wrong in other implementations of it, and the frozen
//! vectors against a second implementation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, unreachable_pub)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../oracle/mod.rs"]
mod oracle;

mod agents;
mod cells;
mod closing;
mod flaws;
mod frozen;
mod pair;
mod properties;
