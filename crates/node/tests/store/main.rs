//! The store on a disk that breaks, fills up and loses power.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs, unreachable_pub)]

mod crash;
mod disk;
mod faults;
mod files;
mod grouping;
mod nouns;
mod workload;
