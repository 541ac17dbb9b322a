//! Packets and what their payloads hold (PROTOCOL §14.2, §14.5).

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::limits::{MAX_EARLY_BYTES, MAX_TOKEN_BYTES, MIN_TOKEN_BYTES};
use crate::{
    error::{Error, Rejected},
    keys::IdentityKey,
};

/// Bytes of the length in front of a packet.
pub const LENGTH_BYTES: usize = 4;

const COUNTER_BYTES: usize = 8;
const AGENT_BYTES: usize = 32;

/// The first byte of a plaintext of T, unless that is empty.
const MESSAGE: u8 = 0;
const CLOSE: u8 = 1;

/// The first byte of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Introduction,
    Claim,
    Request,
    Answer,
    Transport,
}

impl Kind {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Introduction => b'I',
            Self::Claim => b'N',
            Self::Request => b'K',
            Self::Answer => b'A',
            Self::Transport => b'T',
        }
    }

    /// Kind and body of a packet.
    pub(super) fn split(packet: &[u8]) -> Option<(Self, &[u8])> {
        let (first, body) = packet.split_first()?;
        let kind = match first {
            b'I' => Self::Introduction,
            b'N' => Self::Claim,
            b'K' => Self::Request,
            b'A' => Self::Answer,
            b'T' => Self::Transport,
            _ => return None,
        };
        Some((kind, body))
    }
}

/// `length u32, big-endian | packet`: a packet as it travels.
///
/// # Errors
/// [`Error::TooLong`] for what no [`Connection`](super::Connection) makes.
pub fn framed(packet: &[u8]) -> Result<Vec<u8>, Error> {
    let limit = super::MAX_PACKET_BYTES;
    if packet.len() > limit {
        return Err(Error::TooLong { what: "a packet", limit });
    }
    let length = u32::try_from(packet.len()).map_err(|_| Error::Primitive)?;
    Ok([&length.to_be_bytes()[..], packet].concat())
}

/// The secret of a ticket, as it travels in I. Erased when dropped, redacted in `Debug`, compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token(Vec<u8>);

impl Token {
    /// Takes the secret's bytes in.
    ///
    /// # Errors
    /// [`Error::TokenTooShort`], [`Error::TooLong`].
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.len() {
            ..MIN_TOKEN_BYTES => Err(Error::TokenTooShort { minimum: MIN_TOKEN_BYTES }),
            MIN_TOKEN_BYTES..=MAX_TOKEN_BYTES => Ok(Self(bytes.to_vec())),
            _ => Err(Error::TooLong { what: "a token", limit: MAX_TOKEN_BYTES }),
        }
    }

    /// The secret itself: keep it out of logs, messages and files that others read.
    #[must_use]
    pub fn dangerous_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why an end closes a connection. Both ends are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There is nothing more to say.
    Done,
    /// Nobody has said anything for long.
    Idle,
    /// Another connection between the two is used.
    Replaced,
    /// The far end may not be here any more.
    Removed,
}

impl Reason {
    fn byte(self) -> u8 {
        match self {
            Self::Done => 1,
            Self::Idle => 2,
            Self::Replaced => 3,
            Self::Removed => 4,
        }
    }

    fn of(byte: u8) -> Self {
        match byte {
            2 => Self::Idle,
            3 => Self::Replaced,
            4 => Self::Removed,
            _ => Self::Done,
        }
    }
}

/// What the plaintext of a T says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// That somebody is there.
    Nothing,
    Message(&'a [u8]),
    Close(Reason),
}

impl<'a> Record<'a> {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Nothing => Vec::new(),
            Self::Message(message) => [&[MESSAGE], *message].concat(),
            Self::Close(reason) => vec![CLOSE, reason.byte()],
        })
    }

    pub(super) fn decode(plaintext: &'a [u8]) -> Result<Self, Rejected> {
        match plaintext {
            [] => Ok(Self::Nothing),
            [MESSAGE, message @ ..] => Ok(Self::Message(message)),
            [CLOSE, reason] => Ok(Self::Close(Reason::of(*reason))),
            _ => Err(Rejected),
        }
    }
}

/// The payload of I.
pub(super) struct Introduction {
    pub(super) counter: u64,
    pub(super) agent: IdentityKey,
    pub(super) token: Token,
    pub(super) early: Vec<u8>,
}

impl Introduction {
    /// `counter u64 | agent id 32 | token length u8 | token | early`
    pub(super) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let token = self.token.dangerous_bytes();
        let token_bytes = u8::try_from(token.len()).map_err(|_| Error::Primitive)?;
        let parts = [&self.counter.to_le_bytes(), &self.agent.0[..], &[token_bytes], token, &self.early];
        Ok(Zeroizing::new(parts.concat()))
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, Rejected> {
        let (counter, rest) = payload.split_first_chunk::<COUNTER_BYTES>().ok_or(Rejected)?;
        let (agent, rest) = rest.split_first_chunk::<AGENT_BYTES>().ok_or(Rejected)?;
        let (token_bytes, rest) = rest.split_first().ok_or(Rejected)?;
        let (token, early) = rest.split_at_checked(usize::from(*token_bytes)).ok_or(Rejected)?;
        Ok(Self {
            counter: u64::from_le_bytes(*counter),
            agent: IdentityKey(*agent),
            token: Token::new(token).map_err(|_| Rejected)?,
            early: taken_early(early)?,
        })
    }
}

/// `request = counter u64 | early`
pub(super) fn encode_request(counter: u64, early: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([&counter.to_le_bytes(), early].concat())
}

/// The counter and the early bytes of a request.
pub(super) fn decode_request(payload: &[u8]) -> Result<(u64, Vec<u8>), Rejected> {
    let (counter, early) = payload.split_first_chunk::<COUNTER_BYTES>().ok_or(Rejected)?;
    Ok((u64::from_le_bytes(*counter), taken_early(early)?))
}

/// Early bytes of the far end's.
pub(super) fn taken_early(early: &[u8]) -> Result<Vec<u8>, Rejected> {
    if early.len() > MAX_EARLY_BYTES { Err(Rejected) } else { Ok(early.to_vec()) }
}

/// Early bytes of one's own.
pub(super) fn check_early(early: &[u8]) -> Result<(), Error> {
    let limit = MAX_EARLY_BYTES;
    if early.len() > limit { Err(Error::TooLong { what: "early bytes", limit }) } else { Ok(()) }
}
