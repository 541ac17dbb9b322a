//! The body of a message is any bytes: its actor gets a value that can be written and is read as the same one, or the
//! message counts as unreadable; in both formats, and within memory in proportion to its length.
#![no_main]

use std::alloc::System;
use std::collections::{BTreeMap, HashMap};
use std::task::{Context, Poll, Waker};

use actor_proxy::{Address, Allow, Limits, Message, ReplyTo, Schema, ServiceOptions};
use bytes::Bytes;
use cap::Cap;
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};

#[path = "../../crates/actor-proxy/tests/support/raw.rs"]
mod raw;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What a node, its tables and the message itself take.
const FIXED_BYTES: usize = 256 << 10;

/// The types below make of one byte, and of each free element, no more than this.
const FACTOR: usize = 1_024;

/// Any type under one schema.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Of<T>(T);

impl<T: Serialize + serde::de::DeserializeOwned + Send + 'static> Message for Of<T> {
    const SCHEMA: Schema = Schema::new("fuzz.body/1");
}

#[derive(Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(i64),
    Tuple(u8, String, char),
    Struct { on: Option<bool>, of: Vec<Shape>, number: f64, large: u128 },
    Nested(Box<Shape>),
    Map(BTreeMap<String, u16>),
}

#[derive(Serialize, Deserialize)]
enum Addresses {
    One(Address<Of<u8>>),
    Many(Vec<Address<Of<u8>>>),
    Asked(ReplyTo<u64>, Vec<ReplyTo<String>>),
}

fuzz_target!(|input: &[u8]| {
    let [which, body @ ..] = input else { return };
    let options =
        if which & 1 == 0 { ServiceOptions::default() } else { ServiceOptions::default().self_describing() };
    match which >> 1 & 7 {
        0 => round_trip::<Shape>(options, body),
        1 => round_trip::<Vec<Vec<u8>>>(options, body),
        2 => round_trip::<(i16, u64, i128, f32, [u8; 3], (), Option<Option<String>>)>(options, body),
        3 => round_trip::<BTreeMap<Vec<u8>, Shape>>(options, body),
        4 => drop(read::<HashMap<u64, ()>>(options, body, &[])),
        5 => drop(read::<serde_json::Value>(options, body, &[])),
        _ => addresses(options, body),
    }
});

/// What is read can be written, and is then read as what writes the same.
fn round_trip<T: Serialize + serde::de::DeserializeOwned + Send + 'static>(
    options: ServiceOptions,
    body: &[u8],
) {
    let Some(value) = read::<T>(options, body, &[]) else { return };
    let written = write(options, value);
    let again = read::<T>(options, &written, &[]).expect("what was written is read");
    assert_eq!(write(options, again), written);
}

/// One-time addresses that came are answered or refused, each once, whether or not the message could be read.
fn addresses(options: ServiceOptions, body: &[u8]) {
    let mut table = vec![3, 0];
    for ask in 1..=3 {
        table.extend([3, ask, 0, 0, 0, 0]);
    }
    drop(read::<Addresses>(options, body, &table));
}

fn read<T: Serialize + serde::de::DeserializeOwned + Send + 'static>(
    options: ServiceOptions,
    body: &[u8],
    table: &[u8],
) -> Option<T> {
    let raw = raw::Raw::new(Limits::default());
    let (_address, mut inbox) = raw.node.serve::<Of<T>>("it", Allow::Members, options).expect("a fresh name");
    let tag = raw.look_up("it");
    let mut envelope = Vec::with_capacity(body.len() + 64);
    if table.is_empty() {
        envelope.push(2);
        envelope.extend(tag);
    } else {
        envelope.push(3);
        envelope.extend(tag);
        envelope.extend([0; 5]);
        envelope.extend(table);
    }
    envelope.extend(body);
    raw.hear([Bytes::from(envelope)]).expect("a message within its credit");
    let before = ALLOCATOR.allocated();
    let received = inbox.try_recv();
    let used = ALLOCATOR.allocated().saturating_sub(before);
    assert!(used <= FIXED_BYTES + FACTOR * body.len(), "{used} bytes of {}", body.len());
    assert_eq!(inbox.unreadable(), u64::from(received.is_none()));
    let value = received.map(|(Of(value), _)| value);
    if !table.is_empty() {
        drop(value);
        let refused = raw.said().iter().filter(|envelope| envelope[0] == 5).count();
        assert_eq!(refused, 3, "each question has one end");
        return None;
    }
    value
}

fn write<T: Serialize + serde::de::DeserializeOwned + Send + 'static>(
    options: ServiceOptions,
    value: T,
) -> Vec<u8> {
    let raw = raw::Raw::new(Limits::default());
    let mut looking = Box::pin(raw.exchange.service::<Of<T>>("it"));
    let mut context = Context::from_waker(Waker::noop());
    assert!(looking.as_mut().poll(&mut context).is_pending());
    let said = raw.said();
    let look_up = said.iter().find(|envelope| envelope[0] == 0x0e).expect("it asks");
    let mut found = vec![0x0f];
    found.extend(&look_up[1..5]);
    found.push(0);
    found.extend([9; 16]);
    found.extend([1, 2, 3, 4]);
    found.extend((1u64 << 40).to_le_bytes());
    found.push(u8::from(options != ServiceOptions::default()));
    found.push(11);
    found.extend(b"fuzz.body/1");
    raw.hear([Bytes::from(found)]).expect("an answer");
    let Poll::Ready(Ok(address)) = looking.as_mut().poll(&mut context) else { panic!("not found") };
    address.try_send(Of(value)).expect("what was read can be written");
    let said = raw.said();
    let message = said.iter().find(|envelope| envelope[0] == 2).expect("a message");
    message[5..].to_vec()
}
