//! Fresh key agreement inside a session, in two messages (PROTOCOL §5.7).
//!
//! The messages travel sealed, so they are authenticated by the session that they renew. An attacker who has copied its
//! keys but only listens is locked out by the exchange.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    dh::{KeyPair, Point, SharedSecret},
    error::{Error, Rejected},
    hash::hash,
    kem::{CIPHERTEXT_BYTES, DecapsulationKey, ENCAPSULATION_KEY_BYTES, EncapsulationKey, KemSecret},
    packet::field,
    suite::Suite,
};

/// A request: `X'`, behind it `ek'` in a suite with a KEM.
#[must_use]
pub const fn request_bytes(suite: Suite) -> usize {
    32 + if suite.has_kem() { ENCAPSULATION_KEY_BYTES } else { 0 }
}

/// A response: `Y'`, behind it `ct'` in a suite with a KEM.
#[must_use]
pub const fn response_bytes(suite: Suite) -> usize {
    32 + if suite.has_kem() { CIPHERTEXT_BYTES } else { 0 }
}

/// What both ends have agreed on: to be mixed into the session's root.
pub struct Fresh {
    secret: Zeroizing<Vec<u8>>,
    transcript: [u8; 32],
}

impl Fresh {
    /// `DH(x', Y') | kem'`: 64 bytes, or 32 without a KEM. Not uniform: derive from it, do not use it.
    #[must_use]
    pub fn dangerous_secret(&self) -> &[u8] {
        &self.secret
    }

    /// `H("Conclave1 rekey", request, response)`
    #[must_use]
    pub fn transcript(&self) -> &[u8; 32] {
        &self.transcript
    }

    fn new(shared: &SharedSecret, kem: Option<&KemSecret>, request: &[u8], response: &[u8]) -> Self {
        let mut secret = Zeroizing::new(Vec::with_capacity(64));
        secret.extend_from_slice(shared.bytes());
        if let Some(kem) = kem {
            secret.extend_from_slice(kem.bytes());
        }
        Self { secret, transcript: hash("Conclave1 rekey", &[request, response]) }
    }
}

/// A request that waits for its response.
pub struct Offer {
    ephemeral: KeyPair,
    kem: Option<DecapsulationKey>,
    request: Vec<u8>,
}

impl Offer {
    /// Makes a request. Draws 32 bytes, and 64 more if the suite has a KEM.
    ///
    /// # Errors
    /// [`Error::Primitive`] if the library cannot hold the key.
    pub fn new(suite: Suite, rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        let ephemeral = KeyPair::generate(rng)?;
        let mut request = Vec::with_capacity(request_bytes(suite));
        request.extend_from_slice(ephemeral.public());
        let kem = suite.has_kem().then(|| {
            let (secret, public) = DecapsulationKey::generate(rng);
            request.extend_from_slice(&public);
            secret
        });
        Ok(Self { ephemeral, kem, request })
    }

    /// The request, to be sent sealed.
    #[must_use]
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Reads the response.
    ///
    /// # Errors
    /// [`Rejected`] if the response is not one: an authenticated peer does not send that.
    pub fn finish(self, response: &[u8]) -> Result<Fresh, Rejected> {
        let point = Point::check(&field(response, 0)?)?;
        let kem = match (&self.kem, response.len() - 32) {
            (Some(kem), CIPHERTEXT_BYTES) => Some(kem.decapsulate(&field(response, 32)?)),
            (None, 0) => None,
            _ => return Err(Rejected),
        };
        Ok(Fresh::new(&self.ephemeral.agree(&point)?, kem.as_ref(), &self.request, response))
    }
}

/// Answers a request; gives the response, to be sent sealed. Draws 32 bytes, and 32 more if the suite has a KEM.
///
/// # Errors
/// [`Error::Rejected`] if the request is not one: an authenticated peer does not send that.
pub fn answer(suite: Suite, request: &[u8], rng: &mut dyn CryptoRng) -> Result<(Vec<u8>, Fresh), Error> {
    if request.len() != request_bytes(suite) {
        return Err(Rejected.into());
    }
    let point = Point::check(&field(request, 0)?)?;
    let ephemeral = KeyPair::generate(rng)?;
    let mut response = Vec::with_capacity(response_bytes(suite));
    response.extend_from_slice(ephemeral.public());
    let kem = if suite.has_kem() {
        let (ciphertext, secret) = EncapsulationKey::check(&field(request, 32)?)?.encapsulate(rng);
        response.extend_from_slice(&ciphertext);
        Some(secret)
    } else {
        None
    };
    let fresh = Fresh::new(&ephemeral.agree(&point)?, kem.as_ref(), request, &response);
    Ok((response, fresh))
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fresh(..)")
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Offer(..)")
    }
}
