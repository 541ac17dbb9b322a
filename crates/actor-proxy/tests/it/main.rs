//! Actors of several nodes over pipes in memory, under a virtual clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs, unreachable_pub)]

mod addresses;
mod attacks;
mod blob;
#[cfg(feature = "tower")]
mod caller;
mod cancel;
mod cast;
mod deceit;
mod flow;
mod gone;
mod hostile;
mod introductions;
mod lifecycle;
mod local;
mod raw;
mod references;
mod smoke;
mod stress;
mod third;
mod untyped;
mod world;

#[path = "../support/net.rs"]
mod net;
