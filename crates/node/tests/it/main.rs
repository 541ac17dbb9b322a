//! Whole nodes, over loopback sockets and over the memory path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs, unreachable_pub)]

mod actors;
mod adversary;
mod backpressure;
mod cancel;
mod descriptors;
mod flood;
mod hostile;
mod join;
mod keep;
mod lifecycle;
mod many;
mod messages;
mod replay;
mod simulation;
mod stalk;
mod strangers;
mod support;
