//! Files between members.
//!
//! `message` and `segment` say what goes over the wire, `limit`, `name` and `assembly` decide, `partial` and `reader`
//! touch the disk, `sending` and `receiving` are the two sides, and `exchange` finds the side a message is for.

mod assembly;
mod content;
mod exchange;
mod limit;
mod message;
mod name;
mod partial;
mod progress;
mod reader;
mod receiving;
mod segment;
mod sending;

pub(crate) use content::{ContentHash, RunningHash};
pub(crate) use exchange::Exchange;
pub(crate) use limit::ReceiveLimits;
pub(crate) use message::Refusal;
pub(crate) use name::{is_misleading, printable};
pub(crate) use partial::free_bytes;
pub(crate) use receiving::Reception;
pub(crate) use sending::Order;
