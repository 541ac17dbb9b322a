//! The types that the tests decode, and what all tests need.

mod abuses;
mod golden;
mod limits;
mod oracle;
mod properties;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{Format, encode};

const FORMATS: [Format; 2] = [Format::Native, Format::Cbor];

fn bytes_of<T: Serialize + ?Sized>(format: Format, value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode(format, value, &mut out, usize::MAX).unwrap();
    out
}

/// Bytes that are written as such, and not as a sequence of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Blob;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Blob, E> {
                Ok(Blob(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Nothing;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Index(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Pair(u8, i16);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(Index),
    Tuple(u8, String),
    Struct { point: Point, scale: f32 },
}

/// One of everything, nested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    unit: (),
    flag: bool,
    small: (u8, i8, u16, i16),
    large: (u32, i32, u64, i64),
    huge: (u128, i128),
    floats: (f32, f64),
    letter: char,
    text: String,
    blob: Blob,
    array: [u8; 4],
    shapes: Vec<Shape>,
    table: BTreeMap<String, Vec<Option<Index>>>,
    nested: Option<Box<Everything>>,
}

/// Recursion through an enum.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Chain {
    End,
    Link(Box<Chain>),
}

/// Recursion through a sequence.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nest(Vec<Nest>);

/// Recursion through nothing but an option.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Maybe(Option<Box<Maybe>>);

/// Recursion through a map and the fields of a variant: the largest frames there are.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Document {
    Number(f64),
    Table { name: String, entries: BTreeMap<u16, Document>, other: [u64; 8] },
    List(u8, Vec<Document>),
}
