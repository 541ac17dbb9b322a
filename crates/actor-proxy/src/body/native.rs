//! The native format: bincode's standard configuration, and the only place that knows it.
//!
//! The library is not maintained any more, so nothing is left to it but to read and write single values: the format
//! is frozen by vectors in the tests and described in `docs/PROTOCOL.md`, and all bounds are in
//! [`bounded`](super::bounded). In particular its own reading of owned texts and bytes, which allocates what is
//! announced, is never reached (see [`Texts::Lent`]).

use bincode::config::{Configuration, standard};
use bincode::enc::write::Writer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounded::{Budget, Texts};
use super::error::{DecodeError, EncodeError, reason};
use super::limited::{Exceeded, Limited};

/// Little endian, integers of variable length, no limit of its own.
const CONFIGURATION: Configuration = standard();

impl Writer for Limited<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.append(bytes).map_err(|Exceeded| bincode::error::EncodeError::UnexpectedEnd)
    }
}

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, writer: &mut Limited<'_>) -> Result<(), EncodeError> {
    bincode::serde::encode_into_writer(value, writer, CONFIGURATION).map_err(|error| {
        EncodeError::Unsupported(match error {
            bincode::error::EncodeError::OtherString(said) => reason(said),
            other => reason(other),
        })
    })
}

pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let budget = Budget::new(body.len(), Texts::Lent);
    let decoded = bincode::serde::seed_decode_from_slice(budget.seed::<T>(), body, CONFIGURATION);
    budget.verdict()?;
    let (value, read) = decoded.map_err(malformed)?;
    match body.len().saturating_sub(read) {
        0 => Ok(value),
        bytes => Err(DecodeError::Trailing { bytes }),
    }
}

#[cold]
fn malformed(error: bincode::error::DecodeError) -> DecodeError {
    use bincode::error::DecodeError as Said;
    DecodeError::Malformed(match error {
        Said::UnexpectedEnd { .. } => reason("cut off"),
        Said::OtherString(said) => reason(said),
        other => reason(other),
    })
}
