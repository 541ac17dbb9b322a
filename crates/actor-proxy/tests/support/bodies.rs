//! Values and what is written of them in both formats, taken out of the messages that carry them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, dead_code, unreachable_pub)]
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::task::{Context, Poll, Waker};

use actor_proxy::{Allow, Limits, Message, Payload, Schema, ServiceOptions};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::raw::Raw;

/// Any type under one schema.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Of<T>(T);

impl<T: Payload> Message for Of<T> {
    const SCHEMA: Schema = Schema::new("tests.body/1");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: Option<i32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u16, i64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(u64),
    Tuple(u8, String),
    Struct { point: Point, scale: f32 },
}

/// Does something with every value of the table.
pub trait Visit {
    fn visit<T: Payload + Debug + PartialEq>(&mut self, value: fn() -> T);
}

pub fn visit(visitor: &mut impl Visit) {
    visitor.visit(|| ());
    visitor.visit(|| true);
    visitor.visit(|| 0u8);
    visitor.visit(|| u8::MAX);
    visitor.visit(|| 250u16);
    visitor.visit(|| 251u16);
    visitor.visit(|| 0x1_0000u32);
    visitor.visit(|| 0x1_0000_0000u64);
    visitor.visit(|| u64::MAX);
    visitor.visit(|| u128::MAX);
    visitor.visit(|| i8::MIN);
    visitor.visit(|| -1i16);
    visitor.visit(|| -126i16);
    visitor.visit(|| i64::MIN);
    visitor.visit(|| i128::MIN);
    visitor.visit(|| 0.1f32);
    visitor.visit(|| -0.1f64);
    visitor.visit(|| '€');
    visitor.visit(String::new);
    visitor.visit(|| "grüße".to_owned());
    visitor.visit(|| "a".repeat(251));
    visitor.visit(|| None::<u8>);
    visitor.visit(|| Some(7u8));
    visitor.visit(|| (1u8, "x".to_owned(), true));
    visitor.visit(|| [1u16, 2, 3]);
    visitor.visit(|| vec![1u32, 250, 251]);
    visitor.visit(|| vec![(); 3]);
    visitor.visit(|| BTreeMap::from([("a".to_owned(), 1u8), ("b".to_owned(), 2)]));
    visitor.visit(|| Pair(9, -2));
    visitor.visit(|| Point { x: -5, y: Some(6) });
    visitor.visit(|| Point { x: 0, y: None });
    visitor.visit(|| Shape::Unit);
    visitor.visit(|| Shape::Newtype(4));
    visitor.visit(|| Shape::Tuple(5, "six".to_owned()));
    visitor.visit(|| Shape::Struct { point: Point { x: 1, y: None }, scale: 0.5 });
}

/// The table, written.
pub fn all() -> Value {
    let mut writing = Writing(Vec::new());
    visit(&mut writing);
    writing.0.into()
}

struct Writing(Vec<Value>);

impl Visit for Writing {
    fn visit<T: Payload + Debug + PartialEq>(&mut self, value: fn() -> T) {
        let written = |format| hex::encode(write(format, value()));
        self.0.push(json!({
            "type": short_type_name::<T>(),
            "value": format!("{:?}", value()),
            "native": written(0),
            "cbor": written(1),
        }));
    }
}

/// The name of a type without the paths of its parts.
fn short_type_name<T>() -> String {
    let parts =
        std::any::type_name::<T>().split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    parts.map(|part| part.rsplit("::").next().unwrap_or(part)).collect()
}

/// The body of a message to a service of that format, as the wire calls it.
fn write<T: Payload>(format: u8, value: T) -> Bytes {
    let raw = Raw::new(Limits::default());
    let mut looking = Box::pin(raw.exchange.service::<Of<T>>("it"));
    let mut context = Context::from_waker(Waker::noop());
    assert!(looking.as_mut().poll(&mut context).is_pending());
    let said = raw.said();
    let look_up = said.iter().find(|envelope| envelope[0] == 0x0e).unwrap();
    let mut found = vec![0x0f];
    found.extend(&look_up[1..5]);
    found.push(0);
    found.extend([9; 16]);
    found.extend([1, 2, 3, 4]);
    found.extend(262_144u64.to_le_bytes());
    found.push(format);
    found.push(12);
    found.extend(b"tests.body/1");
    raw.hear([found.into()]).unwrap();
    let Poll::Ready(Ok(address)) = looking.as_mut().poll(&mut context) else { panic!("not found") };
    address.try_send(Of(value)).unwrap();
    let said = raw.said();
    // Kind and tag stand before it.
    said.iter().find(|envelope| envelope[0] == 2).unwrap().slice(5..)
}

/// What an actor makes of a body.
pub fn read<T: Payload>(format: u8, body: &[u8]) -> Option<T> {
    let raw = Raw::new(Limits::default());
    let options = ServiceOptions::default();
    let options = if format == 0 { options } else { options.self_describing() };
    let (_address, mut inbox) = raw.node.serve::<Of<T>>("it", Allow::Members, options).unwrap();
    let mut envelope = vec![2];
    envelope.extend(raw.look_up("it"));
    envelope.extend(body);
    raw.hear([envelope.into()]).unwrap();
    inbox.try_recv().map(|(Of(value), _)| value)
}
