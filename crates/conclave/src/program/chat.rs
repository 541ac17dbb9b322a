//! Conversations between members: lines of text, kept on both sides.
//!
//! `saying` is what goes over the wire, and `parlor` takes what members say to whoever has a conversation open.

mod parlor;
mod saying;

pub(crate) use parlor::Parlor;
pub(crate) use saying::{MAX_SAYING_BYTES, Saying, fitting};
