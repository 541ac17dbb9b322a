//! The program as its users meet it: real processes in temporary homes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

mod demo;
mod files;
mod home;
mod members;
mod nodes;
mod support;
mod wire;
