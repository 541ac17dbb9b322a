//! Whatever is encoded decodes, and whatever is decoded ends.

use std::collections::{BTreeMap, HashMap};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{Blob, Chain, Document, Everything, FORMATS, Index, Maybe, Nest, Point, Shape, bytes_of};
use crate::body::{Format, decode};

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Unit),
        any::<u32>().prop_map(|index| Shape::Newtype(Index(index))),
        any::<(u8, String)>().prop_map(|(number, text)| Shape::Tuple(number, text)),
        any::<(i32, Option<u16>, f32)>()
            .prop_map(|(x, y, scale)| Shape::Struct { point: Point { x, y }, scale }),
    ]
}

pub(super) fn everything() -> impl Strategy<Value = Everything> {
    let flat = (
        any::<(bool, (u8, i8, u16, i16), (u32, i32, u64, i64), (u128, i128))>(),
        any::<((f32, f64), char, String, Vec<u8>, [u8; 4])>(),
        vec(shape(), 0..5),
        btree_map(any::<String>(), vec(proptest::option::of(any::<u32>().prop_map(Index)), 0..4), 0..4),
    );
    let flat =
        flat.prop_map(|((flag, small, large, huge), (floats, letter, text, blob, array), shapes, table)| {
            let (unit, blob, nested) = ((), Blob(blob), None);
            Everything {
                unit,
                flag,
                small,
                large,
                huge,
                floats,
                letter,
                text,
                blob,
                array,
                shapes,
                table,
                nested,
            }
        });
    flat.prop_recursive(4, 8, 1, |inner| {
        (inner.clone(), inner)
            .prop_map(|(outer, inner)| Everything { nested: Some(Box::new(inner)), ..outer })
    })
}

/// Decodes as many types as there are kinds of, for nothing but the absence of a panic.
fn decode_as_anything(format: Format, body: &[u8]) {
    fn attempt<T: DeserializeOwned>(format: Format, body: &[u8]) {
        let _ = decode::<T>(format, body);
    }
    attempt::<Everything>(format, body);
    attempt::<Vec<Everything>>(format, body);
    attempt::<Shape>(format, body);
    attempt::<Vec<Shape>>(format, body);
    attempt::<HashMap<String, Option<Shape>>>(format, body);
    attempt::<BTreeMap<(i16, bool), Vec<Vec<String>>>>(format, body);
    attempt::<(u128, i128, f32, f64, char, Option<char>)>(format, body);
    attempt::<Vec<char>>(format, body);
    attempt::<Vec<Option<f64>>>(format, body);
    attempt::<Vec<i128>>(format, body);
    attempt::<[u8; 32]>(format, body);
    attempt::<Result<Blob, String>>(format, body);
    attempt::<Vec<Blob>>(format, body);
    attempt::<Vec<()>>(format, body);
    attempt::<Chain>(format, body);
    attempt::<Nest>(format, body);
    attempt::<Maybe>(format, body);
    attempt::<Document>(format, body);
    attempt::<std::time::Duration>(format, body);
    attempt::<std::net::SocketAddr>(format, body);
    attempt::<std::num::NonZeroU16>(format, body);
    attempt::<std::ffi::CString>(format, body);
    attempt::<serde_json::Value>(format, body);
    attempt::<IgnoredAny>(format, body);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_encoded_decodes(value in everything()) {
        for format in FORMATS {
            let decoded = decode::<Everything>(format, &bytes_of(format, &value));
            prop_assert_eq!(decoded.as_ref(), Ok(&value));
        }
    }

    #[test]
    fn noise_ends(body in vec(any::<u8>(), 0..200)) {
        for format in FORMATS {
            decode_as_anything(format, &body);
        }
    }

    /// Bytes with a meaning in one of the formats, in any order.
    #[test]
    fn likely_noise_ends(body in vec(prop_oneof![
        Just(0u8), Just(1), Just(2), 0xf4..=0xffu8, 0x60..=0x64u8, Just(0x7f), Just(0x5f), 0x80..=0x84u8, Just(0x9f),
        0xa0..=0xa4u8, Just(0xbf), 0xc0..=0xc6u8, 0x18..=0x20u8, any::<u8>(),
    ], 0..60)) {
        for format in FORMATS {
            decode_as_anything(format, &body);
        }
    }

    #[test]
    fn damage_ends(
        value in everything(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        for format in FORMATS {
            let mut body = bytes_of(format, &value);
            for (index, byte) in &damage {
                let index = index.index(body.len());
                body[index] = *byte;
            }
            if let Some(cut) = cut {
                body.truncate(cut.index(body.len()));
            }
            decode_as_anything(format, &body);
        }
    }

    /// What decodes at all is a value like any other.
    #[test]
    fn what_decodes_encodes(body in vec(any::<u8>(), 0..40)) {
        for format in FORMATS {
            if let Ok(value) = decode::<Vec<Shape>>(format, &body) {
                let again = decode::<Vec<Shape>>(format, &bytes_of(format, &value)).unwrap();
                prop_assert_eq!(bytes_of(format, &again), bytes_of(format, &value));
            }
        }
    }
}
