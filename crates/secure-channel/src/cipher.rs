//! The AEAD of one packet: a fresh key, the packet number as nonce, the header as associated data.

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use x3dh_handshake::TrafficAead;

use crate::Error;
use crate::header::{HEADER_BYTES, TAG_BYTES};
use crate::secret::Secret;

/// The ciphers of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Aes256Gcm,
    ChaCha20Poly1305,
}

impl TryFrom<TrafficAead> for Algorithm {
    type Error = Error;

    fn try_from(aead: TrafficAead) -> Result<Self, Error> {
        match aead {
            TrafficAead::Aes256Gcm => Ok(Self::Aes256Gcm),
            TrafficAead::ChaCha20Poly1305 => Ok(Self::ChaCha20Poly1305),
            _ => Err(Error::UnsupportedAead),
        }
    }
}

/// What the AEAD of one packet needs besides the packet.
#[derive(Debug)]
pub(crate) struct PacketCipher {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: Secret<32>,
    pub(crate) number: u64,
}

impl PacketCipher {
    fn key(&self) -> Result<LessSafeKey, Error> {
        let algorithm = match self.algorithm {
            Algorithm::Aes256Gcm => &AES_256_GCM,
            Algorithm::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        // The length is right by type: only a library out of memory can refuse.
        UnboundKey::new(algorithm, &self.key.0).map(LessSafeKey::new).map_err(|_| Error::Primitive)
    }

    /// A hash of key and nonce.
    #[cfg(feature = "simulation")]
    pub(crate) fn fingerprint(&self) -> u128 {
        let mut hash = [0; 16];
        crate::schedule::shake256(&[b"fingerprint", &self.key.0, &self.number.to_le_bytes()], &mut hash);
        u128::from_le_bytes(hash)
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
        let sealed = match self.algorithm {
            // The cipher itself carries the payload from the user's bytes into the packet.
            Algorithm::Aes256Gcm => {
                let (records, rest) = body.split_at_mut(records);
                key.seal_in_place_scatter(self.nonce(), Aad::from(header), records, payload, rest)
            }
            // This one's out-of-place tail works block by block, slower than copying first.
            Algorithm::ChaCha20Poly1305 => {
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
