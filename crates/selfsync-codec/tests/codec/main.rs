//! The public face of the codec under test: what comes out is what went in, however it is cut, damaged or refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

mod bodies;
mod damage;
#[cfg(feature = "tokio-codec")]
mod framed;
mod limits;
mod naive;
mod round_trip;
mod streams;
mod vectors;
