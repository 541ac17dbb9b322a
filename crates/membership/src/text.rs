//! Bytes as one line of text that notices damage: bech32m (BIP 350), all in lower or all in upper case.

use bech32::primitives::decode::{CheckedHrpstring, CheckedHrpstringError};
use bech32::{Bech32m, Hrp};
use zeroize::Zeroizing;

use crate::Error;

/// The longest text: the length up to which the checksum of bech32m finds any three wrong characters.
pub(crate) const MAX_TEXT_BYTES: usize = 1_023;

/// `None` if it is too long.
pub(crate) fn encode(prefix: &str, bytes: &[u8]) -> Option<String> {
    bech32::encode::<Bech32m>(Hrp::parse_unchecked(prefix), bytes).ok()
}

/// The bytes of a text with this prefix; `what` names it in errors.
pub(crate) fn decode(prefix: &str, text: &str, what: &'static str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let malformed = Error::Malformed { what };
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::TooLarge { what: "characters of a text", limit: MAX_TEXT_BYTES });
    }
    // Another prefix is another kind of text, not a damaged one.
    if !text.rsplit_once('1').is_some_and(|(before, _)| before.eq_ignore_ascii_case(prefix)) {
        return Err(malformed);
    }
    let checked = CheckedHrpstring::new::<Bech32m>(text).map_err(|error| match error {
        CheckedHrpstringError::Checksum(_) => Error::Checksum,
        _ => malformed.clone(),
    })?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    bytes.extend(checked.byte_iter());
    // The same bytes have one text: no stray bits behind the last of them.
    let again = encode(prefix, &bytes).map(Zeroizing::new);
    if again.is_some_and(|again| again.eq_ignore_ascii_case(text)) { Ok(bytes) } else { Err(malformed) }
}
