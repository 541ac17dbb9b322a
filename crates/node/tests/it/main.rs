//! Whole nodes, over loopback sockets and over the memory path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs, unreachable_pub)]

mod actors;
mod adversary;
mod anonymous;
mod backpressure;
mod cancel;
mod descriptors;
// The disk of the store's own tests.
#[allow(dead_code)]
#[path = "../store/disk.rs"]
mod disk;
mod flood;
mod hostile;
mod impersonation;
mod join;
mod keep;
mod keeping;
mod lifecycle;
mod many;
mod messages;
mod mychips;
mod redeeming;
mod replay;
mod replays;
mod simulation;
mod stalk;
mod strangers;
mod support;
mod tickets;
