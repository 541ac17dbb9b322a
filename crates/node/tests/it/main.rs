//! Whole nodes, over loopback sockets and over the memory path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs, unreachable_pub)]

mod messages;
mod support;
