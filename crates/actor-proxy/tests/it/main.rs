//! Actors of several nodes over pipes in memory, under a virtual clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs, unreachable_pub)]

#[cfg(feature = "tower")]
mod caller;
mod smoke;
mod untyped;
mod world;
