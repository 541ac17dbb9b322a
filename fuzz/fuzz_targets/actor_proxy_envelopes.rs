//! An authenticated peer says anything, in any state: nothing panics, tables stay within their limits and memory within a
//! bound, and once the peer is gone for good and time has passed nothing of it is left.
//!
//! Most of what it says is well formed, with tags and ids that mean something: bytes alone would never get that far.
#![no_main]

use std::alloc::System;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actor_proxy::{Address, Allow, Exchange, Inbox, Lane, Limits, Message, ReplyTo, Schema, ServiceOptions};
use bytes::Bytes;
use cap::Cap;
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};

#[path = "../../crates/actor-proxy/tests/support/names.rs"]
mod names;
#[path = "../../crates/actor-proxy/tests/support/raw.rs"]
mod raw;

use names::{Names, Script};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const MAX_OPERATIONS: usize = 300;

/// More than 16 of everything for two peers ever take, what the other nodes that they name take included.
const MAX_BYTES: usize = 24 << 20;

const TABLE: usize = 16;

#[derive(Serialize, Deserialize)]
enum Till {
    Put(Vec<u8>),
    Sum(ReplyTo<u64>),
    Keep(Vec<Address<Note>>),
    Greet(Address<Note>, ReplyTo<Address<Note>>),
}

impl Message for Till {
    const SCHEMA: Schema = Schema::new("fuzz.till/1");
}

#[derive(Serialize, Deserialize)]
enum Note {
    Words(Vec<u8>),
    Pass(Vec<Address<Note>>),
    Ask(ReplyTo<u64>),
}

impl Message for Note {
    const SCHEMA: Schema = Schema::new("fuzz.note/1");
}

fuzz_target!(|input: &[u8]| {
    let before = ALLOCATOR.allocated();
    let mut stage = Stage::new();
    let mut script = Script(input);
    for _ in 0..MAX_OPERATIONS {
        let Some(operation) = script.0.split_off_first() else { break };
        stage.apply(*operation, &mut script);
        stage.check(ALLOCATOR.allocated().saturating_sub(before));
    }
    stage.finish();
});

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Stage {
    raw: raw::Raw,
    /// A session with a node that is well-behaved and says nothing.
    third: Exchange,
    till: Option<Inbox<Till>>,
    own: Vec<(Address<Note>, Inbox<Note>)>,
    held: Vec<Address<Note>>,
    replies: Vec<ReplyTo<u64>>,
    tasks: Vec<Waiting>,
    names: Names,
    said: Vec<Bytes>,
}

impl Stage {
    fn new() -> Self {
        let mut limits = Limits::default();
        limits.mailbox_messages = TABLE;
        limits.mailbox_window_bytes = 4_096;
        limits.max_body_bytes = 2_048;
        (limits.max_exports, limits.max_imports, limits.max_asks, limits.max_waiting) =
            (TABLE, TABLE, TABLE, TABLE);
        (limits.outbox_bytes, limits.reply_backlog_bytes) = (4_096, 8_192);
        let raw = raw::Raw::new(limits);
        let options = ServiceOptions::default();
        let (_, till) = raw.node.serve("till", Allow::Members, options).expect("a fresh name");
        let served = raw.node.serve("note", Allow::Members, options.self_describing().direct_only());
        let own = vec![served.expect("a fresh name")];
        let third = raw.node.connected(raw::node_id(2));
        let (held, replies, tasks) = (Vec::new(), Vec::new(), Vec::new());
        let (names, said) = (Names::default(), Vec::new());
        Self { raw, third, till: Some(till), own, held, replies, tasks, names, said }
    }

    fn apply(&mut self, operation: u8, script: &mut Script<'_>) {
        match operation & 0x3f {
            0x00 => self.speak(),
            kind @ 0x01..=0x11 => self.compose(kind, script),
            0x12 => {
                let bytes = Bytes::copy_from_slice(script.bytes(255));
                self.said.push(bytes);
            }
            0x13 => {
                let beginning = Bytes::copy_from_slice(script.bytes(64));
                if self.raw.exchange.refuse_message(&beginning).is_err() {
                    self.reconnect();
                }
            }
            0x14 => self.reconnect(),
            0x15 => self.raw.advance(Duration::from_millis(u64::from(script.byte()) * 100)),
            0x16 => self.learn(),
            0x17..=0x1a => self.read(),
            0x1b => self.answer(script.byte()),
            0x1c..=0x1f => self.send(script),
            0x20..=0x22 => self.ask(script),
            0x23 => self.watch(script),
            0x24..=0x26 => drop(take(&mut self.held, script.byte())),
            0x27 => self.make(),
            0x28 => drop(take(&mut self.own, script.byte())),
            0x29 => self.look(),
            0x2a => drop(take(&mut self.tasks, script.byte())),
            0x2b => self.poll(),
            0x2c => self.till = None,
            0x2d => _ = self.raw.node.withdraw("note"),
            0x2e => self.wanted(),
            _ => {
                // As most peers do: everything flows.
                self.speak();
                self.read();
                self.poll();
                self.learn();
            }
        }
        if operation & 0x40 == 0 {
            self.speak();
        }
    }

    /// The peer reads what the node says.
    fn learn(&mut self) {
        self.raw.said().iter().for_each(|envelope| self.names.learn(envelope));
    }

    /// The peer says what it has composed.
    fn speak(&mut self) {
        let said = std::mem::take(&mut self.said);
        if self.raw.hear(said).is_err() {
            self.reconnect();
        }
    }

    fn reconnect(&mut self) {
        self.said.clear();
        self.raw.exchange = self.raw.node.connected(raw::node_id(1));
    }

    fn compose(&mut self, kind: u8, script: &mut Script<'_>) {
        let mut envelope = vec![kind];
        match kind {
            0x01 => {
                envelope.push(1);
                envelope.extend((u32::from(script.byte()) << 4).to_le_bytes());
            }
            0x02 => {
                envelope.extend(self.tag(script));
                envelope.extend(script.bytes(255));
            }
            0x03 => {
                envelope.extend(self.tag(script));
                let flags = script.byte();
                envelope.push(flags & 1);
                envelope.extend(u32::from(flags >> 1).to_le_bytes());
                self.table(&mut envelope, script);
                envelope.extend(script.bytes(64));
            }
            0x04 => {
                envelope.extend(self.question(script));
                self.table(&mut envelope, script);
                envelope.extend(script.bytes(64));
            }
            0x05 => {
                envelope.extend(self.question(script));
                envelope.push(script.byte() & 0x1f);
            }
            0x06 => envelope.extend(self.question(script)),
            0x07 => {
                envelope.extend(theirs(script.byte()));
                envelope.extend((u64::from(script.byte()) << (script.byte() % 57)).to_le_bytes());
            }
            0x08 => {
                envelope.extend(theirs(script.byte()));
                envelope.push(script.byte() & 7);
            }
            0x09 => {
                envelope.extend([script.byte() & 31; 16]);
                envelope.push(script.byte() & 7);
            }
            0x0a => {
                envelope.extend(self.tag(script));
                envelope.extend(u32::from(script.byte()).to_le_bytes());
            }
            0x0b => envelope.extend(self.id(script)),
            0x0c => {}
            0x0d => offer(&mut envelope, script),
            0x0e => {
                envelope.extend(u32::from(script.byte()).to_le_bytes());
                let name: &[u8] = [&b"till"[..], b"note", b"none"][usize::from(script.byte() % 3)];
                envelope.push(4);
                envelope.extend(name);
            }
            0x0f => {
                envelope.extend(self.question(script));
                offer(&mut envelope, script);
            }
            0x10 => envelope.extend(u32::from(script.byte()).to_le_bytes()),
            _ => {
                envelope.extend(self.question(script));
                let count = script.byte() & 7;
                envelope.extend([count, 0]);
                for _ in 0..count {
                    envelope.extend(b"\x01a\x01b\x00");
                }
            }
        }
        self.said.push(envelope.into());
    }

    fn table(&self, envelope: &mut Vec<u8>, script: &mut Script<'_>) {
        let count = script.byte() & 15;
        envelope.extend([count, 0]);
        for _ in 0..count {
            let kind = script.byte();
            envelope.push(kind & 3);
            match kind & 3 {
                0 => envelope.extend(self.id(script)),
                1 => offer(envelope, script),
                2 => {
                    let flags = kind >> 2 & 3;
                    envelope.push(flags);
                    // Somebody, the one with whom there is a session, the peer itself, or this very node.
                    let node = script.byte() & 15;
                    envelope.extend([node + 1; 32]);
                    envelope.extend([node + 101; 32]);
                    envelope.extend([1 + (kind >> 7); 16]);
                    envelope.extend(self.id(script));
                    envelope.extend(b"\x00\x0bfuzz.note/1");
                    if flags & 2 != 0 {
                        envelope.extend([script.byte() & 31; 16]);
                        envelope.extend(theirs(script.byte()));
                        envelope.extend(4_096u64.to_le_bytes());
                    }
                }
                _ => {
                    envelope.extend(u32::from(script.byte()).to_le_bytes());
                    envelope.push(kind >> 7);
                }
            }
        }
    }

    fn tag(&self, script: &mut Script<'_>) -> [u8; 4] {
        pick(&self.names.tags, script.byte()).unwrap_or([1, 2, 3, 4])
    }

    fn question(&self, script: &mut Script<'_>) -> [u8; 4] {
        pick(&self.names.asks, script.byte()).unwrap_or([1, 2, 3, 4])
    }

    fn id(&self, script: &mut Script<'_>) -> [u8; 16] {
        let byte = script.byte();
        pick(&self.names.ids, byte).unwrap_or([byte & 31; 16])
    }

    /// The node's actors take what is there.
    fn read(&mut self) {
        while let Some((message, _)) = self.till.as_mut().and_then(Inbox::try_recv) {
            match message {
                Till::Put(_) => {}
                Till::Sum(reply) => self.replies.push(reply),
                Till::Keep(addresses) => self.held.extend(addresses),
                Till::Greet(address, reply) => {
                    reply.send(address.clone());
                    self.held.push(address);
                }
            }
        }
        for (_, inbox) in &mut self.own {
            while let Some((message, _)) = inbox.try_recv() {
                match message {
                    Note::Words(_) => {}
                    Note::Pass(addresses) => self.held.extend(addresses),
                    Note::Ask(reply) => self.replies.push(reply),
                }
            }
        }
        self.held.truncate(64);
        self.replies.truncate(64);
    }

    fn answer(&mut self, which: u8) {
        if let Some(reply) = take(&mut self.replies, which)
            && which & 0x80 == 0
        {
            reply.send(42);
        }
    }

    fn send(&mut self, script: &mut Script<'_>) {
        let Some(to) = pick(&self.held, script.byte()) else { return };
        let how = script.byte();
        let message = match how & 3 {
            0 => Note::Words(vec![7; usize::from(script.byte()) << (how >> 6)]),
            1 => Note::Pass(self.held.iter().take(4).cloned().collect()),
            2 => Note::Pass(self.own.iter().map(|(address, _)| address.clone()).collect()),
            _ => Note::Words(Vec::new()),
        };
        match how >> 2 & 3 {
            0 => drop(to.try_send(message)),
            1 => self.wait(async move { drop(to.send_confirmed(message).await) }),
            _ => self.wait(async move { drop(to.send(message).await) }),
        }
    }

    fn ask(&mut self, script: &mut Script<'_>) {
        let Some(to) = pick(&self.held, script.byte()) else { return };
        let timeout = Duration::from_millis(u64::from(script.byte()) * 50);
        self.wait(async move { drop(to.ask(Note::Ask, timeout).await) });
    }

    fn watch(&mut self, script: &mut Script<'_>) {
        let Some(to) = pick(&self.held, script.byte()) else { return };
        self.wait(async move { drop(to.ended().await) });
    }

    fn look(&mut self) {
        let (looking, listing) = (self.raw.exchange.service::<Note>("note"), self.raw.exchange.services());
        self.wait(async move { drop(looking.await) });
        self.wait(async move { drop(listing.await) });
    }

    fn make(&mut self) {
        if self.own.len() < TABLE {
            self.own.push(self.raw.node.mailbox());
        }
    }

    fn wait(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        if self.tasks.len() < 64 {
            self.tasks.push(Box::pin(task));
            self.poll();
        }
    }

    fn poll(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        self.tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
    }

    /// Other nodes cannot be reached.
    fn wanted(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(node) = self.raw.node.poll_wanted(&mut context) {
            if node == raw::node_id(1) {
                self.reconnect();
            } else {
                let why = actor_proxy::Unreachable::new(std::fmt::Error, true);
                self.raw.node.handle_unreachable(&node, &why);
            }
        }
    }

    fn check(&mut self, bytes: usize) {
        // The node that says nothing is listened to.
        if let Some(mut outgoing) = self.third.outgoing(&Context::from_waker(Waker::noop())) {
            for lane in Lane::all() {
                while outgoing.peek(lane).is_some() {
                    outgoing.advance(lane);
                }
            }
            let _ = outgoing.finish();
        }
        assert!(bytes <= MAX_BYTES, "{bytes} bytes");
        // The peer and those that it can name, in two runs each.
        let (exports, imports, asks) = self.raw.node.table_sizes();
        let peers = 32;
        assert!(exports <= 2 * TABLE && imports <= peers * TABLE && asks <= 2 * TABLE);
    }

    fn finish(mut self) {
        let node = self.raw.node.clone();
        for gone in [1, 2] {
            node.handle_gone(&raw::node_id(gone), &actor_proxy::Ended::Restarted);
        }
        self.tasks.clear();
        self.held.clear();
        self.replies.clear();
        self.own.clear();
        self.till = None;
        self.raw.advance(Duration::from_secs(2 * 3_600));
        self.raw.advance(Duration::from_secs(2 * 3_600));
        assert_eq!(node.table_sizes(), (0, 0, 0), "something of the peer is left");
    }
}

/// An actor of the peer.
fn offer(envelope: &mut Vec<u8>, script: &mut Script<'_>) {
    let which = script.byte();
    envelope.push(which >> 7);
    envelope.extend([which & 31; 16]);
    envelope.extend(theirs(which & 31));
    envelope.extend((u64::from(script.byte()) << 4).to_le_bytes());
    envelope.extend(b"\x00\x0bfuzz.note/1");
}

/// How the peer calls one of its actors.
fn theirs(which: u8) -> [u8; 4] {
    u32::from(which & 31).to_le_bytes()
}

fn pick<T: Clone>(from: &[T], which: u8) -> Option<T> {
    from.get(usize::from(which) % from.len().max(1)).cloned()
}

fn take<T>(from: &mut Vec<T>, which: u8) -> Option<T> {
    let at = usize::from(which) % from.len().max(1);
    (at < from.len()).then(|| from.swap_remove(at))
}
