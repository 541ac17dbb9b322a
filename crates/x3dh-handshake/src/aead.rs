//! ChaCha20-Poly1305 for the handshake: every key seals one message, so the nonce is zero.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::{Error, Rejected};

/// Bytes that sealing adds.
pub(crate) const TAG_BYTES: usize = 16;

/// The key of one message, consumed by sealing or opening it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MessageKey(pub(crate) [u8; 32]);

impl MessageKey {
    fn cipher(&self) -> Result<LessSafeKey, Error> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).map(LessSafeKey::new).map_err(|_| Error::Primitive)
    }

    /// Appends the sealed message to `out`.
    pub(crate) fn seal(self, associated: &[u8], plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        out.extend_from_slice(plaintext);
        let sealed = self.cipher().and_then(|cipher| {
            cipher
                .seal_in_place_separate_tag(nonce(0), Aad::from(associated), &mut out[start..])
                .map_err(|_| Error::Primitive)
        });
        match sealed {
            Ok(tag) => {
                out.extend_from_slice(tag.as_ref());
                Ok(())
            }
            Err(error) => {
                out[start..].zeroize();
                out.truncate(start);
                Err(error)
            }
        }
    }

    /// Opens a sealed message into `out`, which is as long as the plaintext.
    pub(crate) fn open(self, associated: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<(), Rejected> {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Rejected)?;
        self.cipher()
            .map_err(|_| Rejected)?
            .open_separate_gather(nonce(0), Aad::from(associated), ciphertext, tag, out)
            .map_err(|_| Rejected)
    }
}

/// The nonce of the IETF construction as Noise fills it: four zero bytes and a little-endian counter.
pub(crate) fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}
