//! Who is in and who is out: the rules as examples, against a second reading of them, and in any order.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod cost;
mod every_subset;
mod histories;
mod pool;
mod reference;
mod rules;
mod time;
