//! The AEAD of one packet: a fresh key, the packet number as nonce, the header as associated data.

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::header::{HEADER_BYTES, TAG_BYTES};
use crate::secret::Secret;
use crate::{Error, TrafficAead};

/// What the AEAD of one packet needs besides the packet.
#[derive(Debug)]
pub(crate) struct PacketCipher {
    pub(crate) aead: TrafficAead,
    pub(crate) key: Secret<32>,
    pub(crate) number: u64,
}

impl PacketCipher {
    fn key(&self) -> Result<LessSafeKey, Error> {
        let algorithm = match self.aead {
            TrafficAead::Aes256Gcm => &AES_256_GCM,
            TrafficAead::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        // The length is right by type: only a library out of memory can refuse.
        UnboundKey::new(algorithm, &self.key.0).map(LessSafeKey::new).map_err(|_| Error::Unauthentic)
    }

    /// The packet number, little-endian, in twelve bytes.
    fn nonce(&self) -> Nonce {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.number.to_le_bytes());
        Nonce::assume_unique_for_key(bytes)
    }

    /// Seals `records | payload` in the place `records`, room for the payload, room for the tag.
    pub(crate) fn seal(
        &self,
        header: &[u8; HEADER_BYTES],
        body: &mut [u8],
        payload: &[u8],
    ) -> Result<(), Error> {
        let key = self.key()?;
        let records = body.len() - payload.len() - TAG_BYTES;
        let sealed = match self.aead {
            // The cipher itself carries the payload from the user's bytes into the packet.
            TrafficAead::Aes256Gcm => {
                let (records, rest) = body.split_at_mut(records);
                key.seal_in_place_scatter(self.nonce(), Aad::from(header), records, payload, rest)
            }
            // This one's out-of-place tail works block by block, slower than copying first.
            TrafficAead::ChaCha20Poly1305 => {
                let (text, tag) = body.split_at_mut(records + payload.len());
                text[records..].copy_from_slice(payload);
                key.seal_in_place_separate_tag(self.nonce(), Aad::from(header), text)
                    .map(|made| tag.copy_from_slice(made.as_ref()))
            }
        };
        sealed.map_err(|_| Error::WrongLength)
    }

    /// Opens `ciphertext | tag` in place. What `body` holds after a failure is unspecified.
    pub(crate) fn open(&self, header: &[u8; HEADER_BYTES], body: &mut [u8]) -> Result<(), Error> {
        let key = self.key()?;
        let (text, tag) = body.split_at_mut(body.len() - TAG_BYTES);
        key.open_in_place_separate_tag(self.nonce(), Aad::from(header), tag, text)
            .map(|_| ())
            .map_err(|_| Error::Unauthentic)
    }
}
