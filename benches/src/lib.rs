//! What several benchmarks need.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod part;
mod person;
mod tls;

pub use part::Part;
pub use person::Person;
pub use tls::{KeyExchange, Tls, tls_connect};
