//! A peer whose every envelope is written by hand, from PROTOCOL.md §13 and not by the crate.

use std::task::{Context, Waker};

use actor_proxy::{Actors, Exchange, Lane, Limits, NodeId, PeerFault};
use bytes::Bytes;

use crate::world::{World, node_id};

pub const HELLO: u8 = 0x01;
pub const MESSAGE: u8 = 0x02;
pub const MESSAGE_WITH: u8 = 0x03;
pub const REPLY: u8 = 0x04;
pub const REFUSAL: u8 = 0x05;
pub const CONFIRMED: u8 = 0x06;
pub const CREDIT: u8 = 0x07;
pub const ENDED: u8 = 0x08;
pub const GONE: u8 = 0x09;
pub const RELEASE: u8 = 0x0a;
pub const HOLD: u8 = 0x0b;
pub const HOLDS_DONE: u8 = 0x0c;
pub const HELD: u8 = 0x0d;
pub const LOOK_UP: u8 = 0x0e;
pub const FOUND: u8 = 0x0f;
pub const LIST: u8 = 0x10;
pub const SERVICES: u8 = 0x11;

/// Parts of an envelope, one behind the other.
pub fn cat(parts: &[&[u8]]) -> Bytes {
    parts.concat().into()
}

pub fn tag(tag: u32) -> [u8; 4] {
    tag.to_le_bytes()
}

pub fn text(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

pub fn offer(id: [u8; 16], its: u32, limit: u64, schema: &str) -> Vec<u8> {
    [&[0][..], &id, &tag(its), &limit.to_le_bytes(), &[0], &text(schema)].concat()
}

pub fn mine(id: [u8; 16], its: u32, limit: u64, schema: &str) -> Vec<u8> {
    [vec![1], offer(id, its, limit, schema)].concat()
}

pub fn yours(id: [u8; 16]) -> Vec<u8> {
    [&[0][..], &id].concat()
}

pub fn third(node: NodeId, id: [u8; 16], schema: &str) -> Vec<u8> {
    [&[2, 0][..], &node.member, &node.device, &node.boot, &id, &[0], &text(schema)].concat()
}

pub fn reply(ask: u32) -> Vec<u8> {
    [&[3][..], &tag(ask), &[0]].concat()
}

pub fn message(to: u32, body: &[u8]) -> Bytes {
    cat(&[&[MESSAGE], &tag(to), body])
}

pub fn message_with(to: u32, confirm: Option<u32>, table: &[Vec<u8>], body: &[u8]) -> Bytes {
    let count = u16::try_from(table.len()).unwrap().to_le_bytes();
    let flag = u8::from(confirm.is_some());
    cat(&[&[MESSAGE_WITH], &tag(to), &[flag], &tag(confirm.unwrap_or(0)), &count, &table.concat(), body])
}

pub fn answer(ask: u32, table: &[Vec<u8>], body: &[u8]) -> Bytes {
    let count = u16::try_from(table.len()).unwrap().to_le_bytes();
    cat(&[&[REPLY], &tag(ask), &count, &table.concat(), body])
}

/// A node, and a stranger who is its peer.
pub struct Stranger {
    pub world: World,
    pub exchange: Exchange,
    /// What the node has said and nobody has looked at.
    pub heard: Vec<Bytes>,
}

impl Stranger {
    pub fn new(limits: Limits) -> Self {
        let world = World::with_limits(1, limits);
        let exchange = world.nodes[0].connected(node_id(1, 1));
        let mut stranger = Self { world, exchange, heard: Vec::new() };
        stranger.say(hello()).unwrap();
        stranger.say(cat(&[&[HOLDS_DONE]])).unwrap();
        stranger
    }

    pub fn node(&self) -> &Actors {
        &self.world.nodes[0]
    }

    /// Says something, and lets the node's tasks run.
    pub fn say(&mut self, envelope: Bytes) -> Result<(), PeerFault> {
        let (result, wakes) = self.exchange.handle_messages(self.world.now(), [envelope]);
        wakes.wake();
        while self.world.poll_tasks() {}
        result
    }

    /// Reads what the node says.
    pub fn listen(&mut self) {
        while self.world.poll_tasks() {}
        let context = Context::from_waker(Waker::noop());
        let Some(mut outgoing) = self.exchange.outgoing(&context) else { return };
        for lane in Lane::all() {
            while let Some(envelope) = outgoing.peek(lane).map(|next| next.to_bytes()) {
                outgoing.advance(lane);
                self.heard.push(envelope);
            }
        }
        if outgoing.finish() {
            self.exchange.handle_taken().wake();
        }
    }

    /// What the node has said of one kind, without the kind; forgets the rest.
    pub fn hear(&mut self, kind: u8) -> Vec<Bytes> {
        self.listen();
        let heard = std::mem::take(&mut self.heard).into_iter();
        heard.filter(|envelope| envelope[0] == kind).map(|envelope| envelope.slice(1..)).collect()
    }

    /// Looks a service up; its tag and id.
    pub fn look_up(&mut self, name: &str) -> (u32, [u8; 16]) {
        self.say(cat(&[&[LOOK_UP], &tag(77), &text(name)])).unwrap();
        let found = self.hear(FOUND).pop().expect("found");
        assert_eq!(found[..4], tag(77));
        (u32::from_le_bytes(found[21..25].try_into().unwrap()), found[5..21].try_into().unwrap())
    }
}

pub fn hello() -> Bytes {
    cat(&[&[HELLO, 1], &(2_u32 << 20).to_le_bytes()])
}
