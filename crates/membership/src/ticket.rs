//! A one-time grant that whoever holds it can come in by.

use core::{fmt, str::FromStr};

use zeroize::Zeroizing;

use crate::reader::Reader;
use crate::{Card, Error, IdentityKey, MAX_CARD_BYTES, Psk, TicketId, UnixSeconds, text};

/// What the text of a ticket begins with, before the separator `1`.
pub const TICKET_PREFIX: &str = "ticket";
/// The scheme of a ticket's URI.
pub const TICKET_SCHEME: &str = "conclave";
/// The longest ticket: what fits into a text in which the checksum finds any three wrong characters.
pub const MAX_TICKET_BYTES: usize = 631;

const TICKET_VERSION: u8 = 1;
const BOUND: u8 = 1;

/// Where to go, whom to meet there, and the secret that opens. Whoever reads it can use it, unless it is bound.
///
/// Its text is bech32m, `ticket1…`; its URI is `conclave:ticket1…`, which in capitals makes a small QR code. What it
/// allows is for the issuer's book to say: the expiry stands here so that its holder knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The issuer: its key, its device, its door, its addresses, its name for itself.
    pub card: Card,
    /// Which ticket it is; all zeros is none.
    pub id: TicketId,
    /// The secret that the handshake proves.
    pub secret: Psk,
    /// The last second in which it opens.
    pub expires: UnixSeconds,
    /// Whom it is for; anybody, if nobody is named.
    pub bound: Option<IdentityKey>,
}

impl Ticket {
    /// The text form. It holds the secret.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the issuer has too many devices, addresses or names for one ticket.
    pub fn to_text(&self) -> Result<Zeroizing<String>, Error> {
        let bytes = self.encode();
        let too_large = Error::TooLarge { what: "bytes of a ticket", limit: MAX_TICKET_BYTES };
        if bytes.len() > MAX_TICKET_BYTES {
            return Err(too_large);
        }
        text::encode(TICKET_PREFIX, &bytes).map(Zeroizing::new).ok_or(too_large)
    }

    /// The URI: `conclave:ticket1…`. It holds the secret.
    ///
    /// # Errors
    /// As [`to_text`](Self::to_text).
    pub fn to_uri(&self) -> Result<Zeroizing<String>, Error> {
        let text = self.to_text()?;
        Ok(Zeroizing::new([TICKET_SCHEME, ":", &text].concat()))
    }

    /// `version 1 | id 16 | secret 32 | expiry u64 | flags u8 | if bound: identity 32 | card`
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let card = self.card.encode();
        let mut bytes = Zeroizing::new(Vec::with_capacity(90 + card.len()));
        bytes.push(TICKET_VERSION);
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(self.secret.dangerous_bytes());
        bytes.extend_from_slice(&self.expires.seconds().to_le_bytes());
        bytes.push(if self.bound.is_some() { BOUND } else { 0 });
        if let Some(bound) = &self.bound {
            bytes.extend_from_slice(&bound.0);
        }
        bytes.extend_from_slice(&card);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, "a ticket");
        let version = reader.byte()?;
        if version != TICKET_VERSION {
            return Err(Error::Version { found: version });
        }
        let id = TicketId(reader.array()?);
        let secret = Psk::from_bytes(reader.array()?);
        let expires = UnixSeconds::new(u64::from_le_bytes(reader.array()?))?;
        let bound = match reader.byte()? {
            0 => None,
            BOUND => Some(IdentityKey(reader.array()?)),
            _ => return Err(reader.malformed()),
        };
        if id.0 == [0; 16] {
            return Err(reader.malformed());
        }
        Ok(Self { card: Card::decode(reader.rest(MAX_CARD_BYTES)?)?, id, secret, expires, bound })
    }
}

impl FromStr for Ticket {
    type Err = Error;

    /// Reads `ticket1…` or `conclave:ticket1…`, all in lower or all in upper case.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another kind of text, [`Error::Checksum`] for a damaged one, [`Error::Version`],
    /// [`Error::Signature`] and the others of [`Card`].
    fn from_str(text: &str) -> Result<Self, Error> {
        let what = "a ticket (ticket1... or conclave:ticket1...)";
        let text = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(TICKET_SCHEME) => rest,
            Some(_) => return Err(Error::Malformed { what }),
            None => text,
        };
        Self::decode(&text::decode(TICKET_PREFIX, text, what)?)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("id", &self.id)
            .field("issuer", &self.card.identity())
            .field("expires", &self.expires)
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}
