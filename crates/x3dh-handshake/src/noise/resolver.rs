//! The primitives that snow computes with: the same ones as the X3DH suites, and BLAKE2b.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use blake2::{Blake2b512, Digest};
use snow::{
    Error as SnowError,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::CryptoResolver,
    types::{Cipher, Dh, Hash, Random},
};
use subtle::ConstantTimeEq;

use crate::{
    aead::{TAG_BYTES, nonce},
    dh::{KeyPair, Point},
    error::Error,
    keys::StaticSecret,
};

/// Where the one ephemeral key waits until snow asks for it.
///
/// snow wants its source of randomness when a state is built; a responder gets its own only when it replies. And an
/// initiator may have to know its ephemeral public key before snow writes it.
#[derive(Clone, Default)]
pub(crate) struct EphemeralSlot(Arc<Mutex<Option<KeyPair>>>);

impl EphemeralSlot {
    /// Draws the key; gives its public half.
    pub(crate) fn fill(&self, rng: &mut dyn rand_core::CryptoRng) -> Result<[u8; 32], Error> {
        let pair = KeyPair::generate(rng)?;
        let public = *pair.public();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(pair);
        Ok(public)
    }

    fn take(&self) -> Option<KeyPair> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What snow gets for a source of randomness: it has nothing to draw, because keys come from the slot.
struct NoRandomness;

impl Random for NoRandomness {
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), SnowError> {
        Err(SnowError::Rng)
    }
}

/// Gives snow our primitives, and none but those of our suites.
pub(crate) struct Resolver {
    static_secret: Option<StaticSecret>,
    slot: EphemeralSlot,
}

impl Resolver {
    pub(crate) fn new(static_secret: Option<StaticSecret>, slot: EphemeralSlot) -> Self {
        Self { static_secret, slot }
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(NoRandomness))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        match choice {
            DHChoice::Curve25519 => Some(Box::new(X25519 {
                parsed: self.static_secret.clone(),
                slot: self.slot.clone(),
                key: Key::Absent,
            })),
            _ => None,
        }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        match choice {
            HashChoice::Blake2b => Some(Box::new(Blake2b(Blake2b512::new()))),
            _ => None,
        }
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        match choice {
            CipherChoice::ChaChaPoly => Some(Box::new(ChaChaPoly(None))),
            _ => None,
        }
    }
}

/// X25519 that refuses low-order and non-canonical points, which snow by itself would take.
struct X25519 {
    /// The device's key: snow hands it to us as bytes, and it is parsed already.
    parsed: Option<StaticSecret>,
    slot: EphemeralSlot,
    key: Key,
}

enum Key {
    Absent,
    Static(StaticSecret),
    Ephemeral(KeyPair),
}

impl X25519 {
    fn pair(&self) -> Option<&KeyPair> {
        match &self.key {
            Key::Absent => None,
            Key::Static(secret) => Some(secret.pair()),
            Key::Ephemeral(pair) => Some(pair),
        }
    }
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    /// snow sets no key but the one that it was built with. Without a key every use of this object fails.
    fn set(&mut self, private: &[u8]) {
        let parsed = self.parsed.as_ref();
        let fitting = parsed.filter(|secret| bool::from(private.ct_eq(secret.dangerous_bytes())));
        self.key = fitting.map_or(Key::Absent, |secret| Key::Static(secret.clone()));
    }

    fn generate(&mut self, _: &mut dyn Random) -> Result<(), SnowError> {
        self.key = Key::Ephemeral(self.slot.take().ok_or(SnowError::Rng)?);
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        self.pair().map_or(&[0; 32], |pair| pair.public())
    }

    /// snow asks for this only to hand out new key pairs, and nobody here asks it for those.
    fn privkey(&self) -> &[u8] {
        &[]
    }

    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), SnowError> {
        let public = public.first_chunk().ok_or(SnowError::Dh)?;
        let point = Point::check(public).map_err(|_| SnowError::Dh)?;
        let shared = self.pair().ok_or(SnowError::Dh)?.agree(&point).map_err(|_| SnowError::Dh)?;
        out.get_mut(..32).ok_or(SnowError::Dh)?.copy_from_slice(shared.bytes());
        Ok(())
    }
}

struct Blake2b(Blake2b512);

impl Hash for Blake2b {
    fn name(&self) -> &'static str {
        "BLAKE2b"
    }

    fn block_len(&self) -> usize {
        128
    }

    fn hash_len(&self) -> usize {
        64
    }

    fn reset(&mut self) {
        self.0 = Blake2b512::new();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let digest = std::mem::take(&mut self.0).finalize();
        for (slot, byte) in out.iter_mut().zip(digest) {
            *slot = byte;
        }
    }
}

struct ChaChaPoly(Option<LessSafeKey>);

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.0 = UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new);
    }

    /// snow leaves no way to fail here: a failure writes nothing and says so, and the message comes out short.
    fn encrypt(&self, counter: u64, associated: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let mut sealed = || {
            let (ciphertext, rest) = out.split_at_mut_checked(plaintext.len())?;
            let tag = rest.get_mut(..TAG_BYTES)?;
            let key = self.0.as_ref()?;
            key.seal_out_of_place_scatter(
                nonce(counter),
                Aad::from(associated),
                plaintext,
                ciphertext,
                &[],
                tag,
            )
            .ok()?;
            Some(plaintext.len() + TAG_BYTES)
        };
        sealed().unwrap_or(0)
    }

    fn decrypt(
        &self,
        counter: u64,
        associated: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<usize, SnowError> {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(SnowError::Decrypt)?;
        let out = out.get_mut(..ciphertext.len()).ok_or(SnowError::Decrypt)?;
        self.0
            .as_ref()
            .ok_or(SnowError::Decrypt)?
            .open_separate_gather(nonce(counter), Aad::from(associated), ciphertext, tag, out)
            .map_err(|_| SnowError::Decrypt)?;
        Ok(ciphertext.len())
    }
}
