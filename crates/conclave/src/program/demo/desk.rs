//! The actor that the processes of the demonstration serve: it does with addresses what actors do with them.

use node::{Address, Allow, Inbox, Message, Node, Origin, ReplyTo, Schema};
use serde::{Deserialize, Serialize};

use super::super::failure::{Failure, Kind};

/// The name of the service.
pub(crate) const DESK: &str = "demo.desk";

/// What a desk is asked to do.
#[derive(Serialize, Deserialize)]
pub(crate) enum Desk {
    /// Write a note to that actor.
    Write { to: Address<Note>, text: String },
    /// Give the address back.
    Return { address: Address<Note>, reply: ReplyTo<Address<Note>> },
    /// Start an actor that only the asker knows. It tells `listener` what it is told, and by whom.
    Hire { listener: Address<Overheard>, reply: ReplyTo<Address<Note>> },
}

impl Message for Desk {
    const SCHEMA: Schema = Schema::new("conclave.demo.desk/1");
}

/// Something to read.
#[derive(Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) text: String,
}

impl Message for Note {
    const SCHEMA: Schema = Schema::new("conclave.demo.note/1");
}

/// A note that somebody else was written, and the key of the member who wrote it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Overheard {
    pub(crate) text: String,
    pub(crate) from: [u8; 32],
}

impl Message for Overheard {
    const SCHEMA: Schema = Schema::new("conclave.demo.overheard/1");
}

/// Serves a desk until the node shuts down.
pub(crate) fn serve(node: &Node) -> Result<(), Failure> {
    let staff = node.clone();
    let served = node.serve(DESK, Allow::Members, |inbox| desk(inbox, staff));
    served.map(drop).map_err(|error| Failure::new(Kind::Broken, format!("no desk: {error}")))
}

async fn desk(mut inbox: Inbox<Desk>, node: Node) {
    while let Some(errand) = inbox.recv().await {
        match errand {
            Desk::Write { to, text } => {
                // Who is gone does not read it.
                let _ = to.send(Note { text }).await;
            }
            Desk::Return { address, reply } => reply.send(address),
            Desk::Hire { listener, reply } => {
                reply.send(node.spawn_actor(|notes| scribe(notes, listener)));
            }
        }
    }
}

async fn scribe(mut notes: Inbox<Note>, listener: Address<Overheard>) {
    while let Some((Note { text }, origin)) = notes.recv_from().await {
        let Origin::Node(writer) = origin else { continue };
        if listener.send(Overheard { text, from: writer.member }).await.is_err() {
            return;
        }
    }
}
