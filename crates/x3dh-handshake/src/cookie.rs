//! Cookies: under load, on paths whose source address can be forged, a responder has the initiator show that it
//! receives at its address before any Diffie-Hellman (PROTOCOL §5.5).
//!
//! The responder keeps nothing: the cookie is a MAC over the address and the initiator's ephemeral key, under a secret
//! that rotates every [`COOKIE_SECRET_LIFETIME`]. It travels sealed under the door, so that it is of no use to somebody
//! who reads the path but does not know the door.

use std::time::Duration;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    aead::{MessageKey, TAG_BYTES},
    error::{Error, Rejected},
    hash::{MAC_BYTES, derive, hash, mac},
    initiator::FirstFlight,
    packet::{COOKIED_HEADER_BYTES, HEADER_BYTES, KEY_BYTES, Kind, check_answer, field, header, read_first},
    responder::Knock,
    secret::{CookieSecret, Door},
};

/// How long a node uses one cookie secret. The one before it stays valid for as long again.
pub const COOKIE_SECRET_LIFETIME: Duration = Duration::from_secs(120);

const NONCE_BYTES: usize = 16;
const MAC2: &str = "Conclave1 mac2";

impl Knock<'_> {
    /// `challenge = hdr | nonce | AEAD(kc, mac1, cookie)` where `kc = derive("Conclave1 challenge", door, nonce)[32]`
    ///
    /// Shorter than the packet that it answers. `source` is the address that the packet says it comes from, in any
    /// encoding that this node keeps to.
    ///
    /// # Errors
    /// [`Error::Primitive`] if sealing fails.
    pub fn challenge(
        &self,
        secret: &CookieSecret,
        source: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, Error> {
        let mut packet = Vec::with_capacity(Kind::Challenge.packet_bytes(self.suite).unwrap_or(0));
        packet.extend_from_slice(&header(Kind::Challenge, self.suite, self.tag));
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        packet.extend_from_slice(&nonce);
        let mac1 = field::<MAC_BYTES>(self.packet, self.packet.len() - MAC_BYTES)?;
        challenge_key(self.door, &nonce).seal(
            &mac1,
            &cookie(secret, source, self.packet)?[..],
            &mut packet,
        )?;
        Ok(packet)
    }
}

impl FirstFlight {
    /// The same flight behind the cookie that a challenge brings: `kind | mac2 | M1a`, with
    /// `mac2 = MAC("Conclave1 mac2", cookie, M1a)`.
    ///
    /// # Errors
    /// [`Rejected`] if the challenge does not answer this flight or was not made behind this door.
    pub fn with_cookie(&self, door: &Door, challenge: &[u8]) -> Result<Self, Rejected> {
        let (suite, tag) = read_first(&self.first)?;
        check_answer(challenge, Kind::Challenge, suite, tag)?;
        let nonce = field(challenge, HEADER_BYTES)?;
        let sealed: [u8; MAC_BYTES + TAG_BYTES] = field(challenge, HEADER_BYTES + NONCE_BYTES)?;
        let mac1 = field::<MAC_BYTES>(&self.first, self.first.len() - MAC_BYTES)?;
        let mut cookie = Zeroizing::new([0; MAC_BYTES]);
        challenge_key(door, &nonce).open(&mac1, &sealed, &mut cookie[..])?;

        let mut packet = Vec::with_capacity(COOKIED_HEADER_BYTES + self.first.len());
        packet.push(Kind::Cookied.byte());
        packet.extend_from_slice(&mac2(&cookie, &self.first));
        packet.extend_from_slice(&self.first);
        Ok(Self { first: self.first.clone(), cookied: Some(packet), key_share: self.key_share.clone() })
    }
}

/// Checks a first packet that comes behind a cookie; gives the packet itself, for [`Knock::check`].
///
/// `secrets` are the current one and the one before it. Not only under load: a packet of this kind is never taken
/// without its cookie being right.
///
/// # Errors
/// [`Rejected`]: say nothing.
pub fn open<'p, 's>(
    packet: &'p [u8],
    secrets: impl IntoIterator<Item = &'s CookieSecret>,
    source: &[u8],
) -> Result<&'p [u8], Rejected> {
    let (start, first) = packet.split_first_chunk::<COOKIED_HEADER_BYTES>().ok_or(Rejected)?;
    let (kind, code) = start.split_first().ok_or(Rejected)?;
    if *kind != Kind::Cookied.byte() {
        return Err(Rejected);
    }
    read_first(first)?;
    let mut opened = Err(Rejected);
    for secret in secrets {
        if bool::from(mac2(&*cookie(secret, source, first)?, first).ct_eq(code)) {
            opened = Ok(first);
        }
    }
    opened
}

/// `kc = derive("Conclave1 challenge", door, nonce)[32]`
fn challenge_key(door: &Door, nonce: &[u8; NONCE_BYTES]) -> MessageKey {
    let mut key = [0; 32];
    derive("Conclave1 challenge", &[door.dangerous_bytes(), nonce], &mut key);
    MessageKey(key)
}

/// `cookie = derive("Conclave1 cookie", secret, source, X)[16]`
fn cookie(
    secret: &CookieSecret,
    source: &[u8],
    first: &[u8],
) -> Result<Zeroizing<[u8; MAC_BYTES]>, Rejected> {
    let ephemeral: [u8; KEY_BYTES] = field(first, HEADER_BYTES)?;
    let mut cookie = Zeroizing::new([0; MAC_BYTES]);
    derive("Conclave1 cookie", &[secret.dangerous_bytes(), source, &ephemeral], &mut cookie[..]);
    Ok(cookie)
}

/// `mac2 = derive("Conclave1 mac2", cookie, H("Conclave1 mac2", M1a))[16]`
fn mac2(cookie: &[u8; MAC_BYTES], first: &[u8]) -> [u8; MAC_BYTES] {
    mac(MAC2, cookie, &hash(MAC2, &[first]))
}
