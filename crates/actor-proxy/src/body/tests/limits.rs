//! Encoding within a limit, and the codes of the formats.

use std::cell::Cell;

use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};

use super::{FORMATS, Point, bytes_of};
use crate::body::{EncodeError, Format, encode};

#[test]
fn codes_of_formats() {
    for (code, format) in (0..).zip(FORMATS) {
        assert_eq!(format.code(), code);
        assert_eq!(Format::from_code(code), Some(format));
    }
    assert!((2..=255).all(|code| Format::from_code(code).is_none()));
    assert_eq!(Format::default(), Format::Native);
}

#[test]
fn a_body_is_appended() {
    for format in FORMATS {
        let value = Point { x: 1, y: Some(2) };
        let mut out = vec![9, 9];
        encode(format, &value, &mut out, 100).unwrap();
        assert_eq!(out, [&[9, 9][..], &bytes_of(format, &value)].concat());
    }
}

#[test]
fn a_limit_is_the_last_size_that_fits() {
    for format in FORMATS {
        let value = ("text".to_owned(), vec![1u64, 2, 3], u128::MAX);
        let body = bytes_of(format, &value);
        for limit in 0..body.len() {
            let mut out = vec![7; 3];
            assert_eq!(encode(format, &value, &mut out, limit), Err(EncodeError::TooLarge { limit }));
            assert_eq!(out, [7; 3]);
        }
        let mut out = vec![7; 3];
        assert_eq!(encode(format, &value, &mut out, body.len()), Ok(()));
        assert_eq!(out.len(), 3 + body.len());
    }
}

/// Counts the elements that are asked of it, and has no end.
struct Endless(Cell<u64>);

impl Serialize for Endless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut elements = serializer.serialize_seq(Some(usize::MAX))?;
        loop {
            self.0.set(self.0.get() + 1);
            elements.serialize_element(&1u8)?;
        }
    }
}

#[test]
fn encoding_stops_at_the_limit_while_it_writes() {
    for format in FORMATS {
        let endless = Endless(Cell::new(0));
        let mut out = Vec::new();
        assert_eq!(encode(format, &endless, &mut out, 1_000), Err(EncodeError::TooLarge { limit: 1_000 }));
        assert!(endless.0.get() <= 1_000 && out.capacity() <= 2_000);
    }
}

#[test]
fn what_cannot_be_written_says_why() {
    struct Refusal;
    impl Serialize for Refusal {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("not today"))
        }
    }
    for format in FORMATS {
        let mut out = vec![1];
        let refused = encode(format, &(5, Refusal), &mut out, 100);
        assert_eq!(refused, Err(EncodeError::Unsupported("not today".to_owned())));
        assert_eq!(out, [1]);
    }
}

/// A sequence that does not know its length: the native format has to write it first.
#[test]
fn a_sequence_of_unknown_length_has_no_native_form() {
    struct Unknown;
    impl Serialize for Unknown {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_seq(None)?.end()
        }
    }
    let mut out = Vec::new();
    let native = encode(Format::Native, &Unknown, &mut out, 100);
    assert!(matches!(native, Err(EncodeError::Unsupported(_))), "{native:?}");
    assert_eq!(bytes_of(Format::Cbor, &Unknown), [0x9f, 0xff]);
}

/// A value that swallows the failure of a part.
#[test]
fn a_limit_that_a_value_swallows_is_met_all_the_same() {
    struct Swallow;
    impl Serialize for Swallow {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut elements = serializer.serialize_seq(Some(1))?;
            let _ = elements.serialize_element(&[1u8; 20]);
            elements.end()
        }
    }
    for format in FORMATS {
        let mut out = Vec::new();
        assert_eq!(encode(format, &Swallow, &mut out, 10), Err(EncodeError::TooLarge { limit: 10 }));
        assert!(out.is_empty());
    }
}
