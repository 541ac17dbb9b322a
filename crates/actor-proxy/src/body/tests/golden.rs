//! The wire format, frozen: `docs/PROTOCOL.md` §13 describes these bytes, and a change of them is a change of the
//! protocol. They are what another implementation must write, and what it must read.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Blob, Index, Nothing, Pair, Point, Shape, bytes_of};
use crate::body::{Format, decode};

#[track_caller]
fn frozen<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, native: &str, cbor: &str) {
    for (format, expected) in [(Format::Native, native), (Format::Cbor, cbor)] {
        let expected = expected.replace(' ', "");
        assert_eq!(hex::encode(bytes_of(format, &value)), expected, "{format:?} of {value:?}");
        let body = hex::decode(&expected).unwrap();
        assert_eq!(decode::<T>(format, &body).as_ref(), Ok(&value), "{format:?} of {expected}");
    }
}

#[test]
fn units_and_truth() {
    frozen((), "", "f6");
    frozen(Nothing, "", "f6");
    frozen(false, "00", "f4");
    frozen(true, "01", "f5");
}

#[test]
fn unsigned_numbers() {
    frozen(0u8, "00", "00");
    frozen(251u8, "fb", "18fb");
    frozen(u8::MAX, "ff", "18ff");
    frozen(250u16, "fa", "18fa");
    frozen(251u16, "fb fb00", "18fb");
    frozen(u16::MAX, "fb ffff", "19ffff");
    frozen(250u32, "fa", "18fa");
    frozen(0x1_0000u32, "fc 00000100", "1a00010000");
    frozen(u32::MAX, "fc ffffffff", "1affffffff");
    frozen(251u64, "fb fb00", "18fb");
    frozen(0x0102_0304u64, "fc 04030201", "1a01020304");
    frozen(0x1_0000_0000u64, "fd 0000000001000000", "1b0000000100000000");
    frozen(u64::MAX, "fd ffffffffffffffff", "1bffffffffffffffff");
    frozen(250u128, "fa", "18fa");
    frozen(1u128 << 64, "fe 00000000000000000100000000000000", "c249010000000000000000");
    frozen(u128::MAX, "fe ffffffffffffffffffffffffffffffff", "c250ffffffffffffffffffffffffffffffff");
}

#[test]
fn signed_numbers() {
    frozen(-1i8, "ff", "20");
    frozen(i8::MIN, "80", "387f");
    frozen(0i16, "00", "00");
    frozen(-1i16, "01", "20");
    frozen(1i16, "02", "01");
    frozen(125i16, "fa", "187d");
    frozen(-126i16, "fb fb00", "387d");
    frozen(i16::MIN, "fb ffff", "397fff");
    frozen(-3i32, "05", "22");
    frozen(i32::MAX, "fc feffffff", "1a7fffffff");
    frozen(i64::MIN, "fd ffffffffffffffff", "3b7fffffffffffffff");
    frozen(-1i128, "01", "20");
    frozen(i128::MIN, "fe ffffffffffffffffffffffffffffffff", "c3507fffffffffffffffffffffffffffffff");
}

#[test]
fn floating_numbers() {
    frozen(1.5f32, "0000c03f", "f93e00");
    frozen(0.1f32, "cdcccc3d", "fa3dcccccd");
    frozen(-0.1f64, "9a9999999999b9bf", "fbbfb999999999999a");
    frozen(f64::INFINITY, "000000000000f07f", "f97c00");
}

#[test]
fn texts_and_bytes() {
    frozen('a', "61", "6161");
    frozen('ß', "c39f", "62c39f");
    frozen('€', "e282ac", "63e282ac");
    frozen('😀', "f09f9880", "64f09f9880");
    frozen(String::new(), "00", "60");
    frozen("grüße".to_owned(), "07 6772c3bcc39f65", "67 6772c3bcc39f65");
    frozen(Blob(vec![1, 2, 255]), "03 0102ff", "43 0102ff");
    let long = "aa".repeat(251);
    frozen(Blob(vec![0xaa; 251]), &format!("fb fb00 {long}"), &format!("58fb {long}"));
}

#[test]
fn options_and_tuples() {
    frozen(None::<u8>, "00", "f6");
    frozen(Some(7u8), "01 07", "07");
    frozen((1u8, "x".to_owned(), true), "01 0178 01", "83 01 6178 f5");
    frozen([1u16, 2, 3], "010203", "83 010203");
    frozen([(); 0], "", "80");
}

#[test]
fn structs() {
    frozen(Index(300), "fb 2c01", "19012c");
    frozen(Pair(9, -2), "09 03", "82 09 21");
    frozen(Point { x: -5, y: Some(6) }, "09 01 06", "a2 6178 24 6179 06");
    frozen(Point { x: 0, y: None }, "00 00", "a2 6178 00 6179 f6");
}

#[test]
fn variants() {
    frozen(Shape::Unit, "00", "64 556e6974");
    frozen(Shape::Newtype(Index(4)), "01 04", "a1 67 4e657774797065 04");
    frozen(Shape::Tuple(5, "six".to_owned()), "02 05 03736978", "a1 65 5475706c65 82 05 63736978");
    frozen(
        Shape::Struct { point: Point { x: 1, y: None }, scale: 0.5 },
        "03 02 00 0000003f",
        "a1 66 537472756374 a2 65 706f696e74 a2 6178 01 6179 f6 65 7363616c65 f93800",
    );
}

#[test]
fn collections() {
    frozen(Vec::<u32>::new(), "00", "80");
    frozen(vec![1u32, 250, 251], "03 01 fa fbfb00", "83 01 18fa 18fb");
    frozen(vec![1u8, 250, 251], "03 01 fa fb", "83 01 18fa 18fb");
    frozen(vec![(); 3], "03", "83 f6f6f6");
    frozen(
        BTreeMap::from([(1u8, "one".to_owned()), (2, "two".to_owned())]),
        "02 01 036f6e65 02 0374776f",
        "a2 01 636f6e65 02 6374776f",
    );
    let nested =
        BTreeMap::from([("k".to_owned(), vec![None, Some(Shape::Unit), Some(Shape::Newtype(Index(1)))])]);
    frozen(nested, "01 016b 03 00 0100 010101", "a1 616b 83 f6 64556e6974 a1 674e657774797065 01");
}

/// What only a foreign encoder writes, and must be read all the same.
#[test]
fn numbers_and_lengths_that_are_longer_than_they_must_be() {
    assert_eq!(decode(Format::Native, &[0xfb, 5, 0]), Ok(5u64));
    assert_eq!(decode(Format::Native, &[0xfd, 2, 0, 0, 0, 0, 0, 0, 0, 7, 8]), Ok(vec![7u8, 8]));
    assert_eq!(decode(Format::Cbor, &[0x1b, 0, 0, 0, 0, 0, 0, 0, 5]), Ok(5u8));
    assert_eq!(decode(Format::Cbor, &[0x9f, 1, 2, 0xff]), Ok(vec![1u8, 2]));
    assert_eq!(decode(Format::Cbor, &[0x7f, 0x61, b'a', 0x61, b'b', 0xff]), Ok("ab".to_owned()));
    assert_eq!(
        decode(Format::Cbor, &[0xbf, 0x61, b'x', 1, 0x61, b'y', 2, 0xff]),
        Ok(Point { x: 1, y: Some(2) })
    );
}

/// Tuples within indefinite arrays: the library alone would take the end mark for the next element.
#[test]
fn indefinite_arrays_may_hold_tuples_and_be_tuples() {
    let body = [0x9f, 0x9f, 1, 2, 0xff, 0x82, 3, 4, 0xff];
    assert_eq!(decode(Format::Cbor, &body), Ok(vec![(1u8, 2u8), (3, 4)]));
    assert!(decode::<Vec<(u8, u8)>>(Format::Cbor, &[0x81, 0x83, 1, 2, 3]).is_err());
    assert!(decode::<Vec<(u8, u8)>>(Format::Cbor, &[0x81, 0x9f, 1, 2, 3, 0xff]).is_err());
}

/// As another language sees it.
#[test]
fn cbor_describes_itself() {
    let shapes = vec![Shape::Unit, Shape::Tuple(1, "b".to_owned())];
    let seen: serde_json::Value = decode(Format::Cbor, &bytes_of(Format::Cbor, &shapes)).unwrap();
    assert_eq!(seen, serde_json::json!(["Unit", {"Tuple": [1, "b"]}]));
}
