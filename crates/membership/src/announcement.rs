//! The statement of a member about itself.

use core::fmt;
use std::collections::BTreeSet;

use crate::identity::verify;
use crate::profile::Profile;
use crate::reader::Reader;
use crate::scope::{decode_names, encode_names};
use crate::{Card, Error, Identity, IdentityKey, MAX_CARD_BYTES, ServiceName, UnixSeconds, signed::message};

const LABEL: &str = "Conclave1 announcement";

/// Suites in one announcement.
pub const MAX_SUITES: usize = 8;

/// What a member says about itself to members: how to reach it, what it speaks, what it offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its devices, its door, its addresses, its name for itself.
    pub card: Card,
    /// The handshake suites it accepts, by their numbers on the wire, best first.
    pub suites: Vec<u16>,
    /// The services that it offers to all members.
    pub services: BTreeSet<ServiceName>,
    /// More about the person or site.
    pub profile: Profile,
    /// The last second of it.
    pub expires: UnixSeconds,
}

/// Signed facts. A value of this type has been verified. It holds the door: it is for members only.
#[derive(Clone, PartialEq, Eq)]
pub struct Announcement {
    version: u64,
    facts: Facts,
    signature: [u8; 64],
}

impl Announcement {
    /// Signs facts about oneself. Of two announcements of one identity the higher version counts.
    ///
    /// # Errors
    /// [`Error::Malformed`] for somebody else's card; [`Error::TooLarge`].
    pub fn issue(identity: &Identity, version: u64, facts: Facts) -> Result<Self, Error> {
        if facts.card.identity() != identity.key() {
            return Err(Error::Malformed { what: "one's own card" });
        }
        let mut announcement = Self { version, facts, signature: [0; 64] };
        let body = announcement.body()?;
        announcement.signature = identity.sign(&message(LABEL, &body));
        Ok(announcement)
    }

    /// Whose it is.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        self.facts.card.identity()
    }

    /// Which of theirs it is.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What it says.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether it no longer holds.
    #[must_use]
    pub fn is_expired(&self, now: UnixSeconds) -> bool {
        now > self.facts.expires
    }

    /// `version u64 | expiry u64 | length u16 | card | n u8 | n (suite u16) | services | profile`
    fn body(&self) -> Result<Vec<u8>, Error> {
        let Facts { card, suites, services, profile, expires } = &self.facts;
        let card = card.encode();
        let too_large = Error::TooLarge { what: "bytes of a card", limit: MAX_CARD_BYTES };
        if card.len() > MAX_CARD_BYTES {
            return Err(too_large);
        }
        if suites.len() > MAX_SUITES {
            return Err(Error::TooLarge { what: "suites", limit: MAX_SUITES });
        }
        let mut bytes = Vec::with_capacity(card.len() + 64);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&expires.seconds().to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(card.len()).map_err(|_| too_large)?.to_le_bytes());
        bytes.extend_from_slice(&card);
        bytes.push(u8::try_from(suites.len()).unwrap_or(u8::MAX));
        bytes.extend(suites.iter().flat_map(|suite| suite.to_le_bytes()));
        encode_names(services, &mut bytes)?;
        profile.encode(&mut bytes);
        Ok(bytes)
    }

    /// Body and signature.
    pub(crate) fn encode(&self) -> Vec<u8> {
        // What does not encode cannot be built.
        let mut bytes = self.body().unwrap_or_default();
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let version = u64::from_le_bytes(reader.array()?);
        let expires = UnixSeconds::new(u64::from_le_bytes(reader.array()?))?;
        let card = Card::decode(reader.bytes_u16(MAX_CARD_BYTES)?)?;
        let suites = (0..reader.count(MAX_SUITES)?)
            .map(|_| reader.array().map(u16::from_le_bytes))
            .collect::<Result<_, _>>()?;
        let count = reader.byte()?;
        let services = decode_names(count, reader)?;
        let profile = Profile::decode(reader)?;
        let facts = Facts { card, suites, services, profile, expires };
        let announcement = Self { version, facts, signature: reader.array()? };
        let body = announcement.body()?;
        verify(&announcement.identity(), &message(LABEL, &body), &announcement.signature)?;
        Ok(announcement)
    }

    /// Which of two of one identity counts: the same wherever they meet, in whatever order.
    pub(crate) fn supersedes(&self, other: &Self) -> bool {
        (self.version, self.encode()) > (other.version, other.encode())
    }
}

impl fmt::Debug for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcement")
            .field("version", &self.version)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}
