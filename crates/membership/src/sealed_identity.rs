//! The file that keeps an identity under a passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::reader::Reader;
use crate::{Error, Identity, IdentityKey};

/// Bytes of the file that keeps an identity under a passphrase.
pub const SEALED_IDENTITY_BYTES: usize = HEADER_BYTES + 32 + TAG_BYTES;
/// The longest passphrase, in UTF-8.
pub const MAX_PASSPHRASE_BYTES: usize = 1_024;

const FILE_VERSION: u8 = 1;
const FILE_KIND: u8 = b'E';
const SALT_BYTES: usize = 16;
const HEADER_BYTES: usize = 2 + 3 * 4 + SALT_BYTES + 32;
const TAG_BYTES: usize = 16;

/// What it costs to try one passphrase, for its owner and for whoever has stolen the file. The parameters of Argon2id;
/// they stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassphraseCost {
    /// Memory.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Parts of it that could be worked on at the same time.
    pub lanes: u32,
}

impl PassphraseCost {
    /// 64 MiB, three passes, one lane: some tenths of a second.
    pub const DEFAULT: Self = Self { memory_kib: 64 * 1_024, passes: 3, lanes: 1 };
    /// The most that a file may ask of whoever opens it: 1 GiB, 16 passes, 16 lanes.
    pub const MAX: Self = Self { memory_kib: 1_024 * 1_024, passes: 16, lanes: 16 };

    /// Checked before anything is allocated: a file from elsewhere must not eat the memory.
    fn check(self) -> Result<Params, Error> {
        let bounds = [
            (self.memory_kib, Self::MAX.memory_kib, "KiB of memory for a passphrase"),
            (self.passes, Self::MAX.passes, "passes for a passphrase"),
            (self.lanes, Self::MAX.lanes, "lanes for a passphrase"),
        ];
        for (value, most, what) in bounds {
            if value > most {
                return Err(Error::TooLarge { what, limit: usize::try_from(most).unwrap_or(usize::MAX) });
            }
        }
        Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_| Error::Malformed { what: "a cost for passphrases" })
    }

    /// `Argon2id(passphrase, salt, memory, passes, lanes)[32]`, version 0x13
    fn key(self, passphrase: &str, salt: &[u8; SALT_BYTES]) -> Result<Zeroizing<[u8; 32]>, Error> {
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.check()?);
        let mut key = Zeroizing::new([0; 32]);
        argon.hash_password_into(passphrase.as_bytes(), salt, &mut key[..]).map_err(|_| Error::Primitive)?;
        Ok(key)
    }
}

impl Default for PassphraseCost {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Identity {
    /// The secret for the one file that keeps it, under a passphrase. Draws a salt of 16 bytes. Takes as long and as
    /// much memory as `cost` says: not for a task that others wait for.
    ///
    /// `version 1 | 'E' | memory KiB u32 | passes u32 | lanes u32 | salt 16 | public 32 | sealed secret 32 | tag 16`
    ///
    /// # Errors
    /// [`Error::Malformed`] for an empty passphrase, [`Error::TooLarge`] for a long one or a cost beyond
    /// [`PassphraseCost::MAX`], [`Error::Primitive`].
    pub fn dangerous_sealed_bytes(
        &self,
        passphrase: &str,
        cost: PassphraseCost,
        rng: &mut dyn CryptoRng,
    ) -> Result<[u8; SEALED_IDENTITY_BYTES], Error> {
        check_passphrase(passphrase)?;
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&[FILE_VERSION, FILE_KIND]);
        for number in [cost.memory_kib, cost.passes, cost.lanes] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        header.extend_from_slice(&salt);
        header.extend_from_slice(&self.key().0);

        let mut secret = self.secret();
        let tag = cipher(&cost.key(passphrase, &salt)?)?
            .seal_in_place_separate_tag(nonce(), Aad::from(&header), &mut secret[..])
            .map_err(|_| Error::Primitive)?;
        let mut bytes = [0; SEALED_IDENTITY_BYTES];
        bytes[..HEADER_BYTES].copy_from_slice(&header);
        bytes[HEADER_BYTES..HEADER_BYTES + 32].copy_from_slice(&secret[..]);
        bytes[HEADER_BYTES + 32..].copy_from_slice(tag.as_ref());
        Ok(bytes)
    }

    /// Opens what [`dangerous_sealed_bytes`](Self::dangerous_sealed_bytes) wrote; as slow.
    ///
    /// # Errors
    /// [`Error::Sealed`] for another passphrase as for damage; [`Error::Version`], [`Error::Malformed`] for another
    /// kind of file, [`Error::TooLarge`] for one that asks for more than [`PassphraseCost::MAX`].
    pub fn open_sealed(bytes: &[u8], passphrase: &str) -> Result<Self, Error> {
        let (cost, salt, key) = read_header(bytes)?;
        check_passphrase(passphrase)?;
        let (header, sealed) = bytes.split_at_checked(HEADER_BYTES).ok_or(Error::Sealed)?;
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Error::Sealed)?;
        let mut secret = Zeroizing::new([0; 32]);
        cipher(&cost.key(passphrase, &salt)?)?
            .open_separate_gather(nonce(), Aad::from(header), ciphertext, tag, &mut secret[..])
            .map_err(|_| Error::Sealed)?;
        let identity = Self::from_secret(&secret);
        if identity.key() == key { Ok(identity) } else { Err(Error::Sealed) }
    }

    /// Whether this is a file under a passphrase, by its first bytes.
    #[must_use]
    pub fn is_sealed(bytes: &[u8]) -> bool {
        matches!(bytes, [_, FILE_KIND, ..])
    }

    /// Whose file it says to be. Nothing vouches for that before it is opened.
    ///
    /// # Errors
    /// As [`open_sealed`](Self::open_sealed), but for the passphrase.
    pub fn sealed_key(bytes: &[u8]) -> Result<IdentityKey, Error> {
        read_header(bytes).map(|(_, _, key)| key)
    }
}

fn read_header(bytes: &[u8]) -> Result<(PassphraseCost, [u8; SALT_BYTES], IdentityKey), Error> {
    let mut reader = Reader::new(bytes, "an identity file under a passphrase");
    let version = reader.byte()?;
    if version != FILE_VERSION {
        return Err(Error::Version { found: version });
    }
    if reader.byte()? != FILE_KIND || bytes.len() != SEALED_IDENTITY_BYTES {
        return Err(reader.malformed());
    }
    let mut number = || reader.array().map(u32::from_le_bytes);
    let cost = PassphraseCost { memory_kib: number()?, passes: number()?, lanes: number()? };
    cost.check()?;
    Ok((cost, reader.array()?, IdentityKey(reader.array()?)))
}

fn check_passphrase(passphrase: &str) -> Result<(), Error> {
    match passphrase.len() {
        0 => Err(Error::Malformed { what: "a passphrase: it is empty" }),
        1..=MAX_PASSPHRASE_BYTES => Ok(()),
        _ => Err(Error::TooLarge { what: "bytes of a passphrase", limit: MAX_PASSPHRASE_BYTES }),
    }
}

fn cipher(key: &Zeroizing<[u8; 32]>) -> Result<LessSafeKey, Error> {
    UnboundKey::new(&CHACHA20_POLY1305, &key[..]).map(LessSafeKey::new).map_err(|_| Error::Primitive)
}

/// A salt makes a key for one file.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}
