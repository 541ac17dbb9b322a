//! How the value of a message becomes bytes, and what a stranger's bytes may cost before they are a value again.
//!
//! Two formats share one set of bounds. [`Format::Native`] is small and fast and says nothing about itself: both
//! sides must agree on the type. [`Format::Cbor`] describes itself, for services that other languages call.
//!
//! ```text
//!  value ──serde──▶ native | cbor ──▶ Limited ──▶ body          stops at the limit while writing
//!  body ──▶ native | cbor ──▶ Bounded<_> ──serde──▶ value       stops at depth, elements, and the body's end
//! ```
//!
//! **What a body of `n` bytes can take**, whatever it says: nesting of [`MAX_DEPTH`](bounded::MAX_DEPTH); `n + f`
//! elements of sequences and maps, `f` being `MAX_FREE_ELEMENTS`, each of them work of a
//! constant amount per type; and memory of at most `20 n` for texts and bytes (error messages that quote them included),
//! and for collections `c (n + f) s`, where `s` is the size of the largest element and `c` what the collection makes of
//! one: 4 for a vector, 12 or 16 for a map. The free elements matter only to types that write nothing and yet occupy
//! memory. Nothing is allocated because it was announced: capacity is granted for at most `n` elements, over all
//! collections of the message together.

mod bounded;
mod cbor;
mod error;
mod limited;
mod native;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{DecodeError, EncodeError};
pub(crate) use limited::Short;
use limited::{Exceeded, Limited};

/// How the body of a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// Small and fast, without names or types: both sides must have the same definition of the message.
    #[default]
    Native,
    /// CBOR (RFC 8949): self-describing, for services that other languages call. An option is its value or null,
    /// so `Some(None)` and `Some(())` arrive as `None`.
    Cbor,
}

impl Format {
    /// The byte that stands for the format on the wire.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Native => 0,
            Self::Cbor => 1,
        }
    }

    /// The format of that byte, if there is one.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Native),
            1 => Some(Self::Cbor),
            _ => None,
        }
    }
}

/// Appends the body of `value` to `out`: at most `limit` bytes, or none at all.
///
/// # Errors
///
/// [`EncodeError`]; `out` is then as long as it was.
pub(crate) fn encode<T: Serialize + ?Sized>(
    format: Format,
    value: &T,
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<(), EncodeError> {
    let start = out.len();
    let mut gathered = Short::new();
    let result = write(format, value, Limited::new(&mut gathered, out, limit), limit);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Writes the body of `value`: into `short` if it has room there, else behind what is in a vector of `lend`, which is then
/// returned. At most `limit` bytes.
///
/// # Errors
///
/// [`EncodeError`].
#[inline]
pub(crate) fn encode_short<T: Serialize + ?Sized>(
    format: Format,
    value: &T,
    short: &mut Short,
    lend: fn() -> Vec<u8>,
    limit: usize,
) -> Result<Option<Vec<u8>>, EncodeError> {
    let mut out = Vec::new();
    write(format, value, Limited::new(short, &mut out, limit).lending(lend), limit)?;
    Ok((out.capacity() > 0).then_some(out))
}

#[inline]
fn write<T: Serialize + ?Sized>(
    format: Format,
    value: &T,
    mut writer: Limited<'_>,
    limit: usize,
) -> Result<(), EncodeError> {
    let written = match format {
        Format::Native => native::encode(value, &mut writer),
        Format::Cbor => cbor::encode(value, &mut writer),
    };
    // The limit first: what serde says of a write that failed is not the reason, and a value may even swallow it.
    match writer.finish() {
        Ok(()) => written,
        Err(Exceeded) => Err(EncodeError::TooLarge { limit }),
    }
}

/// The value of a whole body, which may come from anyone.
///
/// # Errors
///
/// [`DecodeError`]. Every input ends in a value or in an error, after time and memory in proportion to its length.
#[inline]
pub(crate) fn decode<T: DeserializeOwned>(format: Format, body: &[u8]) -> Result<T, DecodeError> {
    match format {
        Format::Native => native::decode(body),
        Format::Cbor => cbor::decode(body),
    }
}
