//! What a stranger can write into a body, and what becomes of it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Debug};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::{Blob, Chain, Document, Everything, FORMATS, Maybe, Nest, Point, Shape, bytes_of};
use crate::body::bounded::{MAX_DEPTH, MAX_FREE_ELEMENTS};
use crate::body::{DecodeError, Format, decode, encode};

/// 2^60 in the nine bytes of each format, after a first byte that says what it counts.
const NATIVE_2_TO_60: [u8; 9] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0x10];
fn cbor_2_to_60(major: u8) -> [u8; 9] {
    [major << 5 | 27, 0x10, 0, 0, 0, 0, 0, 0, 0]
}

/// The stack of a thread that the standard library makes.
const STACK_BYTES: usize = 2 << 20;

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(test).unwrap().join().unwrap();
}

#[track_caller]
fn malformed<T: DeserializeOwned + Debug>(format: Format, body: &[u8]) -> String {
    match decode::<T>(format, body) {
        Err(DecodeError::Malformed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn too_many<T: DeserializeOwned + Debug>(format: Format, body: &[u8]) {
    let limit = MAX_FREE_ELEMENTS + body.len();
    assert_eq!(decode::<T>(format, body).map(|_| ()), Err(DecodeError::TooManyElements { limit }));
}

#[track_caller]
fn too_deep<T: DeserializeOwned + Debug>(format: Format, body: &[u8]) {
    assert_eq!(decode::<T>(format, body).map(|_| ()), Err(DecodeError::TooDeep { limit: MAX_DEPTH }));
}

#[test]
fn nine_bytes_that_announce_a_string_of_2_to_60_bytes() {
    assert_eq!(malformed::<String>(Format::Native, &NATIVE_2_TO_60), "cut off");
    assert_eq!(malformed::<String>(Format::Cbor, &cbor_2_to_60(3)), "cut off");
    // In the native format the largest is an overflow of capacity, which panics, and not a lack of memory.
    assert_eq!(
        malformed::<String>(Format::Native, &[0xfd, 255, 255, 255, 255, 255, 255, 255, 255]),
        "cut off"
    );
}

#[test]
fn nine_bytes_that_announce_owned_bytes_of_2_to_60() {
    assert_eq!(malformed::<Blob>(Format::Native, &NATIVE_2_TO_60), "cut off");
    assert_eq!(malformed::<Blob>(Format::Cbor, &cbor_2_to_60(2)), "cut off");
}

#[test]
fn nine_bytes_that_announce_a_vec_of_2_to_60_elements() {
    too_many::<Vec<u8>>(Format::Native, &NATIVE_2_TO_60);
    too_many::<Vec<u8>>(Format::Cbor, &cbor_2_to_60(4));
    too_many::<Vec<[u64; 16]>>(Format::Native, &NATIVE_2_TO_60);
    too_many::<HashMap<u8, u8>>(Format::Native, &NATIVE_2_TO_60);
    too_many::<HashMap<u8, u8>>(Format::Cbor, &cbor_2_to_60(5));
    assert_eq!(malformed::<Vec<u8>>(Format::Cbor, &cbor_2_to_60(2)), "cut off");
}

#[test]
fn a_vec_of_units_without_end() {
    let start = Instant::now();
    for count in [u64::MAX, 1 << 60, 5_000] {
        too_many::<Vec<()>>(Format::Native, &bytes_of(Format::Native, &count));
    }
    too_many::<Vec<()>>(Format::Cbor, &cbor_2_to_60(4));
    assert!(start.elapsed() < Duration::from_secs(30));
    // One after the other they do not go further than together.
    let announced = u64::try_from(MAX_FREE_ELEMENTS / 2).unwrap();
    let thrice = bytes_of(Format::Native, &(announced, announced, announced));
    too_many::<(Vec<()>, Vec<()>, Vec<()>)>(Format::Native, &thrice);
    let twice = bytes_of(Format::Native, &(announced, announced));
    assert!(decode::<(Vec<()>, Vec<()>)>(Format::Native, &twice).is_ok());
}

#[test]
fn maps_of_units_without_end() {
    too_many::<BTreeMap<(), ()>>(Format::Native, &bytes_of(Format::Native, &u64::MAX));
    too_many::<HashMap<(), ()>>(Format::Native, &bytes_of(Format::Native, &u64::MAX));
}

/// Elements for which nothing is read: in CBOR only a type that ignores its deserializer has them.
#[test]
fn elements_that_read_nothing_are_counted_one_by_one() {
    #[derive(Debug)]
    struct Idle;
    impl<'de> Deserialize<'de> for Idle {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Ok(Self)
        }
    }
    too_many::<Vec<Idle>>(Format::Cbor, &[0x9f, 0x00]);
    too_many::<Vec<Idle>>(Format::Cbor, &cbor_2_to_60(4));
}

#[test]
fn an_honest_message_has_elements_enough() {
    for format in FORMATS {
        for value in [vec![0u8; 100_000], vec![255; 100_000]] {
            assert_eq!(decode(format, &bytes_of(format, &value)), Ok(value));
        }
        let units = vec![(); MAX_FREE_ELEMENTS];
        assert_eq!(decode(format, &bytes_of(format, &units)), Ok(units));
        let tuples = vec![((), [((), ()); 32]); 100];
        assert_eq!(decode(format, &bytes_of(format, &tuples)), Ok(tuples));
    }
}

#[test]
fn nesting_a_million_deep() {
    const DEEP: usize = 1_000_000;
    on_a_small_stack(|| {
        too_deep::<Chain>(Format::Native, &[1; DEEP]);
        too_deep::<Nest>(Format::Native, &[1; DEEP]);
        too_deep::<Maybe>(Format::Native, &[1; DEEP]);
        // A list of one list of one list …
        too_deep::<Document>(Format::Native, &[2, 0, 1].repeat(DEEP));
        too_deep::<Nest>(Format::Cbor, &[0x81; DEEP]);
        too_deep::<Nest>(Format::Cbor, &[0x9f; DEEP]);
        too_deep::<Chain>(Format::Cbor, &b"\xa1\x64Link".repeat(DEEP));
        too_deep::<serde_json::Value>(Format::Cbor, &[0x81; DEEP]);
        too_deep::<serde_json::Value>(Format::Cbor, &b"\xa1\x61a".repeat(DEEP));
        too_deep::<IgnoredAny>(Format::Cbor, &[0x81; DEEP]);
        // Tags, which a type that does not ask for them never sees, are not nesting; one that takes anything does.
        assert_eq!(decode(Format::Cbor, &[[0xc1; 1_000].as_slice(), &[7]].concat()), Ok(7u8));
        assert!(decode::<serde_json::Value>(Format::Cbor, &[0xc6; DEEP]).is_err());
        // In a field that nobody reads.
        let ignored = [b"\xa3\x61x\x00\x61y\x00\x61z".as_slice(), &[0x81; DEEP]].concat();
        too_deep::<Point>(Format::Cbor, &ignored);
    });
}

/// In CBOR an option is no byte, so that a single one can be nested without end.
#[test]
fn options_that_read_nothing() {
    on_a_small_stack(|| too_deep::<Maybe>(Format::Cbor, &[0x00]));
}

/// The deepest that is allowed fits the stack, with the types whose frames are largest.
#[test]
fn the_deepest_that_is_allowed_fits_a_small_stack() {
    on_a_small_stack(|| {
        for format in FORMATS {
            let chain = |links| (0..links).fold(Chain::End, |chain, _| Chain::Link(Box::new(chain)));
            assert_eq!(decode(format, &bytes_of(format, &chain(MAX_DEPTH - 1))), Ok(chain(MAX_DEPTH - 1)));
            too_deep::<Chain>(format, &bytes_of(format, &chain(MAX_DEPTH)));

            let nest = |levels| (0..levels).fold(Nest(vec![]), |nest, _| Nest(vec![nest]));
            assert_eq!(
                decode(format, &bytes_of(format, &nest(MAX_DEPTH / 2 - 1))),
                Ok(nest(MAX_DEPTH / 2 - 1))
            );
            too_deep::<Nest>(format, &bytes_of(format, &nest(MAX_DEPTH / 2)));

            let document = |tables, lists| {
                let table = |document| Document::Table {
                    name: "n".to_owned(),
                    entries: BTreeMap::from([(1, document)]),
                    other: [1; 8],
                };
                let list = |document| Document::List(1, vec![document]);
                let inner = (0..tables).fold(Document::Number(0.0), |inner, _| table(inner));
                (0..lists).fold(inner, |inner, _| list(inner))
            };
            let most = MAX_DEPTH / 2 - 1;
            for (tables, lists) in [(most, 0), (0, most), (most / 2, most / 2)] {
                let body = bytes_of(format, &document(tables, lists));
                assert_eq!(decode(format, &body), Ok(document(tables, lists)));
            }
            too_deep::<Document>(format, &bytes_of(format, &document(MAX_DEPTH, 0)));
        }
    });
}

#[test]
fn trailing_bytes() {
    for format in FORMATS {
        let mut body = bytes_of(format, &Point { x: 1, y: None });
        body.extend([0; 3]);
        assert_eq!(decode::<Point>(format, &body), Err(DecodeError::Trailing { bytes: 3 }));
    }
    assert_eq!(decode::<()>(Format::Native, &[0]), Err(DecodeError::Trailing { bytes: 1 }));
}

#[test]
fn every_cut_is_an_error() {
    let shape = Shape::Struct { point: Point { x: -70_000, y: Some(300) }, scale: 0.1 };
    for format in FORMATS {
        let body = bytes_of(format, &shape);
        for end in 0..body.len() {
            assert!(decode::<Shape>(format, &body[..end]).is_err(), "{format:?} {end}");
        }
    }
}

/// What serde quotes in an error is not kept at length.
#[test]
fn a_reason_is_short() {
    let name = "\u{1}".repeat(4_000);
    let body = bytes_of(Format::Cbor, &BTreeMap::from([(name.as_str(), 0)]));
    let reason = malformed::<Shape>(Format::Cbor, &body);
    assert!(reason.starts_with("unknown variant") && reason.len() < 300, "{reason}");
}

/// A type that makes something of a failure does not make a value of a message that crossed a bound.
#[test]
fn a_bound_that_is_crossed_stays_crossed() {
    #[derive(Debug)]
    struct Lenient;
    impl<'de> Deserialize<'de> for Lenient {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let _ = Vec::<()>::deserialize(deserializer);
            Ok(Self)
        }
    }
    too_many::<Lenient>(Format::Native, &NATIVE_2_TO_60);
    too_many::<Lenient>(Format::Cbor, &cbor_2_to_60(4));
}

thread_local! {
    /// What [`Greedy`] was told to expect, in all.
    static EXPECTED: Cell<usize> = const { Cell::new(0) };
    static HINTS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Notes the size that each sequence announces to the type, by which types reserve memory.
#[derive(Debug)]
struct Greedy;

impl<'de> Deserialize<'de> for Greedy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sequence;
        impl<'de> Visitor<'de> for Sequence {
            type Value = Greedy;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a sequence")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Greedy, A::Error> {
                let hint = elements.size_hint().unwrap_or(0);
                EXPECTED.set(EXPECTED.get() + hint);
                HINTS.with_borrow_mut(|hints| hints.push(hint));
                while elements.next_element::<Greedy>()?.is_some() {}
                Ok(Greedy)
            }
        }
        deserializer.deserialize_seq(Sequence)
    }
}

/// Sequences within sequences that each announce as much as they may: what all of them let a type reserve is the
/// length of the body, and not that length at each of many levels.
#[test]
fn announcements_reserve_no_more_than_the_body_has_bytes() {
    for format in FORMATS {
        for announced in [1u16, 60, 1_000, 2_000, 4_000] {
            let one = match format {
                Format::Cbor => [&[0x99][..], &announced.to_be_bytes()].concat(),
                Format::Native => bytes_of(format, &announced),
            };
            let body = one.repeat(60);
            EXPECTED.set(0);
            assert!(decode::<Greedy>(format, &body).is_err());
            assert!(
                EXPECTED.get() <= body.len(),
                "{format:?} {announced}: {} of {}",
                EXPECTED.get(),
                body.len()
            );
        }
        // And what is really there is announced in full, so that it is reserved once.
        let honest = vec![vec![Vec::<u8>::new(); 10], vec![vec![]; 500]];
        HINTS.with_borrow_mut(Vec::clear);
        decode::<Greedy>(format, &bytes_of(format, &honest)).unwrap();
        HINTS.with_borrow(|hints| {
            assert_eq!(hints[..2], [2, 10]);
            assert_eq!(hints[12], 500);
        });
    }
}

/// Numbers of signalling kind are not what the library made of them, and their length is another when they are put
/// back.
#[test]
fn peculiar_floats_in_cbor() {
    for body in [
        &[0xf9, 0x7c, 0x01][..],
        &[0xfa, 0x7f, 0x80, 0, 1],
        &[0xfb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 1],
        &[0xf8, 5],
    ] {
        let _ = decode::<Option<f64>>(Format::Cbor, body);
        let _ = decode::<Option<Option<f32>>>(Format::Cbor, body);
        let _ = decode::<serde_json::Value>(Format::Cbor, body);
        let array = [&[0x9f], body, body, body, &[0xff]].concat();
        let _ = decode::<Vec<Option<f64>>>(Format::Cbor, &array);
        let _ = decode::<Everything>(Format::Cbor, &array);
    }
}

#[test]
fn a_format_is_not_readable_by_people() {
    #[derive(Debug, PartialEq)]
    struct Readable(bool);
    impl serde::Serialize for Readable {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.is_human_readable().serialize(serializer)
        }
    }
    impl<'de> Deserialize<'de> for Readable {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let readable = deserializer.is_human_readable();
            Ok(Self(bool::deserialize(deserializer)? || readable))
        }
    }
    for format in FORMATS {
        let mut out = Vec::new();
        encode(format, &[Some(Readable(true))], &mut out, 100).unwrap();
        assert_eq!(decode(format, &out), Ok([Some(Readable(false))]));
    }
}
