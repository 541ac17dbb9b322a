//! What the conductor and its processes say to each other: a line of JSON each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::Totals;

/// What a process is to do. Each order has one reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Come in by this ticket, and begin.
    Join { ticket: String },
    /// Issue a ticket.
    Invite,
    /// Keep that identity out.
    Revoke { number: u32 },
    /// Let it in again.
    Readmit { number: u32 },
    /// Introduce these to each other.
    Introduce { one: u32, other: u32 },
    /// Start nothing more, and say so when all that was started has ended.
    Hush,
    /// Go on.
    Go,
    /// End all sessions, and say so when nothing is left of them.
    Part,
    /// Let go of all addresses.
    Forget,
    /// Say how much there is.
    Count,
    /// End in order.
    End,
}

/// What a process says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// It is there, and listens there. Unasked, as its first word.
    Ready { address: String },
    /// A ticket.
    Ticket { ticket: String },
    /// How much there is.
    Counted(Count),
    /// It is done.
    Done,
    /// It could not be done.
    Failed { why: String },
    /// Its last word.
    Bye { totals: Totals },
}

/// How much a node holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    /// The sizes of its tables by their names: what must go back.
    pub(crate) tables: BTreeMap<String, u64>,
    /// Bytes that are allocated.
    pub(crate) heap_bytes: u64,
    /// What it has been told, and keeps.
    pub(crate) statements: u64,
    /// Sessions since it began.
    pub(crate) sessions: u64,
    pub(crate) totals: Totals,
}
