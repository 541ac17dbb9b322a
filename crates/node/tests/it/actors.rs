//! Actors of whole nodes.

mod call;
mod lifecycle;
mod policy;
mod traffic;

use std::time::Duration;

use node::{Address, Inbox, Message, ReplyTo, Schema};
use serde::{Deserialize, Serialize};

/// Longer than anything takes that goes well.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
pub enum Till {
    Put(u64),
    Sum(ReplyTo<u64>),
    Watch(Address<Sale>),
    /// Never answered, and never forgotten.
    Keep(ReplyTo<u64>),
    Close,
    Panic,
}

impl Message for Till {
    const SCHEMA: Schema = Schema::new("shop.till/1");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Sale(pub u64);

impl Message for Sale {
    const SCHEMA: Schema = Schema::new("shop.sale/1");
}

pub async fn till(mut inbox: Inbox<Till>) {
    let (mut sum, mut watchers, mut kept) = (0, Vec::<Address<Sale>>::new(), Vec::new());
    while let Some(message) = inbox.recv().await {
        match message {
            Till::Put(amount) => {
                sum += amount;
                watchers.retain(|watcher| watcher.try_send(Sale(amount)).is_ok());
            }
            Till::Sum(reply) => reply.send(sum),
            Till::Watch(watcher) => watchers.push(watcher),
            Till::Keep(reply) => kept.push(reply),
            Till::Close => return,
            Till::Panic => panic!("as it was told"),
        }
    }
}
