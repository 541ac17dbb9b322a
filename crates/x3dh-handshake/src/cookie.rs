//! Cookies and puzzles: under load a responder has the initiator show that it receives at its address, and that it has
//! worked, before any Diffie-Hellman (PROTOCOL §5.5).
//!
//! ```text
//!   initiator                                    responder
//!      M1a ────────────────────────────────────▶ Knock::check, Knock::challenge(secret, source, bits)
//!      FirstFlight::read_challenge ◀──────────── challenge
//!      Puzzle::try_solve, FirstFlight::with_cookie
//!      solution, mac2, M1a ────────────────────▶ open(secrets, source, least_bits), Knock::check
//! ```
//!
//! The responder keeps nothing: the cookie is a MAC over the address and the initiator's ephemeral key, under a secret
//! that rotates every [`COOKIE_SECRET_LIFETIME`]. It travels sealed under the door, so that it is of no use to somebody
//! who reads the path but does not know the door. The puzzle is made of the cookie and of the packet that it lets in, so
//! work that was done for one packet, address or door counts for no other, and none can be done more than two lifetimes
//! ahead. How much work a packet shows is measured, not remembered: whoever was challenged before the difficulty rose
//! shows too little, and is challenged again.

mod puzzle;

use std::time::Duration;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use puzzle::{Puzzle, Solved};

use crate::{
    aead::{MessageKey, TAG_BYTES},
    error::{Error, Rejected},
    hash::{MAC_BYTES, derive},
    initiator::FirstFlight,
    packet::{
        COOKIED_HEADER_BYTES, HEADER_BYTES, KEY_BYTES, Kind, SOLUTION_BYTES, check_answer, field, header,
        read_first,
    },
    responder::Knock,
    secret::{CookieSecret, Door},
};
use puzzle::zero_bits;

/// How long a node uses one cookie secret. The one before it stays valid for as long again.
pub const COOKIE_SECRET_LIFETIME: Duration = Duration::from_secs(120);

/// The most that an initiator works for: 2^20 hashes on average, a third of a second on one core. A member that is hostile
/// and asks for more is refused, so it cannot have others burn their time.
pub const MAX_PUZZLE_BITS: u8 = 20;

const NONCE_BYTES: usize = 16;
/// `cookie 16 | bits u8`
const DEMAND_BYTES: usize = MAC_BYTES + 1;

/// Why a packet behind a cookie was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused<'p> {
    /// Not behind a cookie of ours: say nothing.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Behind the right cookie, with less work than is asked now: perhaps it was challenged before the difficulty rose.
    /// Check this packet with [`Knock::check`] and challenge it again, or say nothing.
    #[error("the packet shows less work than is asked")]
    TooLittleWork(&'p [u8]),
}

impl From<Refused<'_>> for Rejected {
    fn from(_: Refused<'_>) -> Self {
        Self
    }
}

impl Knock<'_> {
    /// `challenge = hdr | nonce | AEAD(kc, mac1, cookie | bits)` where
    /// `kc = derive("Conclave1 challenge", door, nonce)[32]`
    ///
    /// Shorter than the packet that it answers. `source` is the address that the packet says it comes from, in any
    /// encoding that this node keeps to. `bits` is the work to ask for: each doubles it, and 0 asks for none.
    ///
    /// # Errors
    /// [`Error::PuzzleTooHard`] above [`MAX_PUZZLE_BITS`], for which nobody would work; [`Error::Primitive`] if sealing
    /// fails.
    pub fn challenge(
        &self,
        secret: &CookieSecret,
        source: &[u8],
        bits: u8,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, Error> {
        if bits > MAX_PUZZLE_BITS {
            return Err(Error::PuzzleTooHard { bits });
        }
        let mut packet = Vec::with_capacity(Kind::Challenge.packet_bytes(self.suite).unwrap_or(0));
        packet.extend_from_slice(&header(Kind::Challenge, self.suite, self.tag));
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        packet.extend_from_slice(&nonce);
        let mut demand = Zeroizing::new([bits; DEMAND_BYTES]);
        demand[..MAC_BYTES].copy_from_slice(&cookie(secret, source, self.packet)?[..]);
        challenge_key(self.door, &nonce).seal(&self.mac1(), &demand[..], &mut packet)?;
        Ok(packet)
    }
}

impl FirstFlight {
    /// Reads a challenge of this flight: a puzzle to solve, which is solved already if it has no bits.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the challenge does not answer this flight or was not made behind this door;
    /// [`Error::PuzzleTooHard`] if it asks for more than [`MAX_PUZZLE_BITS`].
    pub fn read_challenge(&self, door: &Door, challenge: &[u8]) -> Result<Puzzle, Error> {
        let (suite, tag) = read_first(&self.first)?;
        check_answer(challenge, Kind::Challenge, suite, tag)?;
        let nonce = field(challenge, HEADER_BYTES)?;
        let sealed: [u8; DEMAND_BYTES + TAG_BYTES] = field(challenge, HEADER_BYTES + NONCE_BYTES)?;
        let mac1 = mac1(&self.first)?;
        let mut demand = Zeroizing::new([0; DEMAND_BYTES]);
        challenge_key(door, &nonce).open(&mac1, &sealed, &mut demand[..])?;
        let [cookie @ .., bits] = *demand;
        if bits > MAX_PUZZLE_BITS {
            return Err(Error::PuzzleTooHard { bits });
        }
        Ok(Puzzle::new(Zeroizing::new(cookie), mac1, bits))
    }

    /// The same flight behind the cookie and the work that a challenge asked for: `kind | solution | mac2 | M1a`.
    ///
    /// # Errors
    /// [`Rejected`] if the puzzle was another flight's.
    pub fn with_cookie(&self, solved: &Solved) -> Result<Self, Rejected> {
        if !bool::from(mac1(&self.first)?.ct_eq(&solved.mac1)) {
            return Err(Rejected);
        }
        let mut packet = Vec::with_capacity(COOKIED_HEADER_BYTES + self.first.len());
        packet.push(Kind::Cookied.byte());
        packet.extend_from_slice(&solved.solution);
        packet.extend_from_slice(&mac2(&solved.cookie, &solved.solution, &solved.mac1));
        packet.extend_from_slice(&self.first);
        Ok(Self { first: self.first.clone(), cookied: Some(packet), key_share: self.key_share.clone() })
    }
}

/// Checks a first packet that comes behind a cookie; gives the packet itself, for [`Knock::check`].
///
/// `secrets` are the current one and the one before it; `least_bits` is the work that is asked now, 0 for none. Not only
/// under load: a packet of this kind is never taken without its cookie being right. The same packet may come any number
/// of times for one piece of work; [`Knock::mac1`] tells.
///
/// # Errors
/// [`Refused`].
pub fn open<'p, 's>(
    packet: &'p [u8],
    secrets: impl IntoIterator<Item = &'s CookieSecret>,
    source: &[u8],
    least_bits: u8,
) -> Result<&'p [u8], Refused<'p>> {
    let (start, first) = packet.split_first_chunk::<COOKIED_HEADER_BYTES>().ok_or(Rejected)?;
    if start[0] != Kind::Cookied.byte() {
        return Err(Rejected.into());
    }
    read_first(first)?;
    let solution = field(start, 1)?;
    let code: [u8; MAC_BYTES] = field(start, 1 + SOLUTION_BYTES)?;
    let mac1 = mac1(first)?;
    for secret in secrets {
        let cookie = cookie(secret, source, first)?;
        // Which of the two secrets fits tells nothing but when the challenge was made.
        if bool::from(mac2(&cookie, &solution, &mac1).ct_eq(&code)) {
            let enough = least_bits == 0 || zero_bits(&cookie, &mac1, &solution) >= u32::from(least_bits);
            return if enough { Ok(first) } else { Err(Refused::TooLittleWork(first)) };
        }
    }
    Err(Rejected.into())
}

fn mac1(first: &[u8]) -> Result<[u8; MAC_BYTES], Rejected> {
    first.last_chunk().copied().ok_or(Rejected)
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

/// `mac2 = derive("Conclave1 mac2", cookie, solution, mac1)[16]`
///
/// `mac1` stands for the whole of `M1a`: whoever does not know the door can change neither without the other, and whoever
/// knows it can read the cookie.
fn mac2(
    cookie: &[u8; MAC_BYTES],
    solution: &[u8; SOLUTION_BYTES],
    mac1: &[u8; MAC_BYTES],
) -> [u8; MAC_BYTES] {
    let mut code = [0; MAC_BYTES];
    derive("Conclave1 mac2", &[cookie, solution, mac1], &mut code);
    code
}
