//! The actors that every node has, and whose addresses go about.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use node::{Address, Inbox, Message, Node, ReplyTo, Schema};
use serde::{Deserialize, Serialize};

/// The name under which every node serves its [`Desk`].
pub(crate) const DESK: &str = "soak.desk";
/// Addresses that a desk keeps for those who ask for one.
const MAX_POOLED: usize = 16;

/// What a desk is told.
#[derive(Serialize, Deserialize)]
pub(crate) enum Desk {
    /// Nothing in particular.
    Note(u64),
    /// To be given back.
    Echo(Vec<u8>, ReplyTo<Vec<u8>>),
    /// Lend the address of a new actor.
    Lend(ReplyTo<Address<Cell>>),
    /// Take this address, and give one that somebody else has left.
    Swap(Address<Cell>, ReplyTo<Option<Address<Cell>>>),
}

impl Message for Desk {
    const SCHEMA: Schema = Schema::new("soak.desk/1");
}

/// What a small actor is told: it ends with its last address, or when it is told to.
#[derive(Serialize, Deserialize)]
pub(crate) enum Cell {
    /// Add to the sum.
    Add(u64),
    /// What is the sum?
    Sum(ReplyTo<u64>),
    /// End.
    End,
}

impl Message for Cell {
    const SCHEMA: Schema = Schema::new("soak.cell/1");
}

/// Addresses that were left at a desk.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<VecDeque<Address<Cell>>>>);

impl Pool {
    /// Lets go of all.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        drop(all);
    }

    fn swap(&self, address: Address<Cell>) -> Option<Address<Cell>> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.push_back(address);
        if pool.len() > MAX_POOLED { pool.pop_front() } else { None }
    }
}

/// Serves a desk.
pub(crate) async fn desk(mut inbox: Inbox<Desk>, node: Node, pool: Pool) {
    let mut noted = 0_u64;
    while let Some(message) = inbox.recv().await {
        match message {
            Desk::Note(number) => noted = noted.wrapping_add(number),
            Desk::Echo(bytes, reply) => reply.send(bytes),
            Desk::Lend(reply) => reply.send(node.spawn_actor(cell)),
            Desk::Swap(address, reply) => reply.send(pool.swap(address)),
        }
    }
    pool.clear();
}

/// Is one small actor.
pub(crate) async fn cell(mut inbox: Inbox<Cell>) {
    let mut sum = 0_u64;
    while let Some(message) = inbox.recv().await {
        match message {
            Cell::Add(number) => sum = sum.wrapping_add(number),
            Cell::Sum(reply) => reply.send(sum),
            Cell::End => return,
        }
    }
}
