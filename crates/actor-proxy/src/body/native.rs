//! The native format: small, and without a word about itself (PROTOCOL.md §13.10). All bounds are in
//! [`bounded`](super::bounded).

mod decoder;
mod encoder;

use std::fmt::{self, Display};

use serde::de::{DeserializeOwned, DeserializeSeed};
use serde::{Serialize, de, ser};

use super::bounded::{Budget, Texts};
use super::error::{DecodeError, EncodeError, reason};
use super::limited::Limited;
use decoder::Decoder;
use encoder::Encoder;

/// The largest integer that is its own length; what follows says that an integer of so many bits comes.
const MAX_SINGLE: u8 = 250;
const IS_U16: u8 = 251;
const IS_U32: u8 = 252;
const IS_U64: u8 = 253;
const IS_U128: u8 = 254;

/// Why a value was not written or read. Small, since it travels with every number.
#[derive(Debug)]
enum Fault {
    /// There is no more of the body, or no more room for it.
    Over,
    Said(Box<str>),
}

impl Fault {
    #[cold]
    fn said(what: impl Display) -> Self {
        Self::Said(reason(what).into())
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => f.write_str("cut off"),
            Self::Said(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    #[cold]
    fn custom<T: Display>(said: T) -> Self {
        Self::said(said)
    }
}

impl ser::Error for Fault {
    #[cold]
    fn custom<T: Display>(said: T) -> Self {
        Self::said(said)
    }
}

#[inline]
pub(super) fn encode<T: Serialize + ?Sized>(value: &T, writer: &mut Limited<'_>) -> Result<(), EncodeError> {
    value.serialize(&mut Encoder(writer)).map_err(|fault| EncodeError::Unsupported(fault.to_string()))
}

#[inline]
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let budget = Budget::new(body.len(), Texts::Lent);
    let mut decoder = Decoder::new(body);
    let decoded = budget.seed::<T>().deserialize(&mut decoder);
    budget.verdict()?;
    let value = decoded.map_err(|fault| DecodeError::Malformed(fault.to_string()))?;
    match decoder.left() {
        0 => Ok(value),
        bytes => Err(DecodeError::Trailing { bytes }),
    }
}
