//! What the two ends of a connection say to each other.

use actor_proxy::{Address, Message, ReplyTo, Schema};
use serde::{Deserialize, Serialize};

/// Asks a listener for a connection. The schema of `M` is that of the address in it.
#[derive(Serialize, Deserialize)]
#[serde(bound = "M: Message")]
pub(super) struct Open<M: Message> {
    /// Where the listener's side sends.
    pub(super) caller: Address<Item<M>>,
    /// Where the caller sends; `None` without room.
    pub(super) reply: ReplyTo<Option<Address<Item<M>>>>,
}

impl<M: Message> Message for Open<M> {
    const SCHEMA: Schema = Schema::new("conclave.stalk/1");
}

/// What travels in a connection. Numbers begin at 0 in each direction.
#[derive(Serialize, Deserialize)]
#[serde(bound = "M: Message")]
pub(super) enum Item<M> {
    Message {
        number: u64,
        body: M,
    },
    /// Nothing comes after so many.
    Close {
        number: u64,
    },
}

impl<M: Message> Message for Item<M> {
    const SCHEMA: Schema = M::SCHEMA;
}
