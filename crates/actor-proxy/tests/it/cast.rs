//! Messages and actors that several tests use.

use std::sync::{Arc, Mutex};

use actor_proxy::{Address, Inbox, Message, ReplyTo, Schema};
use serde::{Deserialize, Serialize};

/// What most actors here understand.
#[derive(Serialize, Deserialize, Debug)]
pub enum Note {
    Number(u64),
    /// Its number back, plus one.
    Ask(u64, ReplyTo<u64>),
    /// Keep it.
    Give(Address<Note>),
    /// The one that was kept last.
    Take(ReplyTo<Option<Address<Note>>>),
    /// Drop all that was kept.
    Forget,
    /// Pass the question on to the one that was kept last.
    PassOn(u64, ReplyTo<u64>),
    Bytes(Vec<u8>),
    Stop,
    Panic,
}

impl Message for Note {
    const SCHEMA: Schema = Schema::new("test.note/1");
}

/// What an actor has seen.
pub type Log = Arc<Mutex<Vec<u64>>>;

pub fn log() -> Log {
    Arc::default()
}

/// An actor that does as notes say.
pub async fn clerk(mut inbox: Inbox<Note>, log: Log) {
    let mut kept = Vec::new();
    while let Some(note) = inbox.recv().await {
        match note {
            Note::Number(number) => log.lock().unwrap().push(number),
            Note::Ask(number, reply) => {
                log.lock().unwrap().push(number);
                reply.send(number + 1);
            }
            Note::Give(address) => kept.push(address),
            Note::Take(reply) => reply.send(kept.last().cloned()),
            Note::Forget => kept.clear(),
            Note::PassOn(number, reply) => {
                if let Some(next) = kept.last() {
                    next.send(Note::Ask(number, reply)).await.ok();
                }
            }
            Note::Bytes(bytes) => log.lock().unwrap().push(bytes.len() as u64),
            Note::Stop => return,
            Note::Panic => panic!("as it was told"),
        }
    }
}
