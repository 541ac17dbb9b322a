//! What several benchmarks need.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod part;
mod person;

pub use part::Part;
pub use person::Person;
