//! The native format is that of bincode's standard configuration, which was written by somebody else: both write the same,
//! and read the same out of whatever comes.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bincode::config::standard;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::properties::everything;
use super::{Blob, Document, Everything, Index, Pair, Point, Shape, bytes_of};
use crate::body::{DecodeError, Format, decode};

/// What the other one reads out of a body, if that is a value from its first to its last byte.
fn foreign<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let read = bincode::serde::decode_from_slice(body, standard().with_limit::<65_536>());
    read.ok().filter(|(_, read)| *read == body.len()).map(|(value, _)| value)
}

/// Both read a value or neither does: compared as it is printed, since of floats some are not equal to themselves.
fn both_read<T: DeserializeOwned + Debug>(body: &[u8]) -> Result<(), TestCaseError> {
    match decode::<T>(Format::Native, body) {
        // Bounds of ours, of which the other one knows nothing.
        Err(DecodeError::TooDeep { .. } | DecodeError::TooManyElements { .. }) => {}
        own => prop_assert_eq!(format!("{:?}", own.ok()), format!("{:?}", foreign::<T>(body)), "{:?}", body),
    }
    Ok(())
}

fn both_read_anything(body: &[u8]) -> Result<(), TestCaseError> {
    both_read::<Everything>(body)?;
    both_read::<Vec<Shape>>(body)?;
    both_read::<Document>(body)?;
    both_read::<(Point, Pair, Index)>(body)?;
    both_read::<BTreeMap<(i16, bool), Vec<String>>>(body)?;
    both_read::<Vec<Option<char>>>(body)?;
    both_read::<Vec<Result<Blob, f64>>>(body)?;
    both_read::<Vec<i32>>(body)?;
    both_read::<Vec<u64>>(body)?;
    both_read::<Vec<i64>>(body)?;
    both_read::<Vec<u128>>(body)?;
    both_read::<Vec<i128>>(body)
}

fn both_write<T: Serialize>(value: &T) -> Result<Vec<u8>, TestCaseError> {
    let own = bytes_of(Format::Native, value);
    prop_assert_eq!(&own, &bincode::serde::encode_to_vec(value, standard()).unwrap());
    Ok(own)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn both_write_and_read_the_same(
        value in everything(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut body = both_write(&value)?;
        both_read_anything(&body)?;
        for (index, byte) in &damage {
            let index = index.index(body.len());
            body[index] = *byte;
        }
        both_read_anything(&body)?;
    }

    #[test]
    fn numbers_of_all_lengths(
        numbers in vec(any::<(u16, i16, u32, i32, u64, i64, (u128, i128))>(), 1..4),
        shift in 0..128_u32,
    ) {
        let shorter: Vec<_> = numbers.iter().map(|(a, b, c, d, e, f, (g, h))| {
            let (g, h) = (g >> shift, h >> shift);
            (a >> (shift % 16), b >> (shift % 16), c >> (shift % 32), d >> (shift % 32), e >> (shift % 64), f >> (shift % 64), (g, h))
        }).collect();
        both_write(&shorter)?;
    }

    #[test]
    fn both_read_the_same_out_of_noise(body in vec(prop_oneof![
        3 => 0..4_u8, 2 => 250..=255_u8, 1 => Just(0xc3_u8), 2 => any::<u8>(),
    ], 0..40)) {
        both_read_anything(&body)?;
    }
}
