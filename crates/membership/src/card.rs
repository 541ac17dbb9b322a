//! What one person hands to another so that they can find each other.

use core::{fmt, str::FromStr};

use crate::reader::Reader;
use crate::record::RECORD_BYTES;
use crate::{
    DeviceId, Door, Error, IdentityKey, MAX_ADDRESS_BYTES, MAX_PETNAME_BYTES, NetAddress, Petname, Record,
    text,
};

/// What the text of a card begins with, before the separator `1`.
pub const CARD_PREFIX: &str = "conclave";
/// The longest text of a card: the length up to which the checksum of bech32m finds any three wrong characters.
pub const MAX_CARD_TEXT_BYTES: usize = text::MAX_TEXT_BYTES;
/// The longest card: what fits into that text.
pub const MAX_CARD_BYTES: usize = 630;
/// Devices in one card.
pub const MAX_CARD_DEVICES: usize = 4;
/// Addresses in one card.
pub const MAX_CARD_ADDRESSES: usize = 8;

const CARD_VERSION: u8 = 1;

/// A member's records, door and addresses, and the name they suggest for themselves. Give it only to those who may
/// come in: it holds the door. Its text form is bech32m, `conclave1…`, fit for a message or a QR code.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    records: Vec<Record>,
    door: Door,
    addresses: Vec<NetAddress>,
    petname: Option<Petname>,
}

impl Card {
    /// Puts a card together.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when it does not fit, [`Error::Malformed`] without a record or with records of different
    /// identities, [`Error::DeviceConflict`] when a device or a key stands in two of them.
    pub fn new(
        records: Vec<Record>,
        door: Door,
        addresses: Vec<NetAddress>,
        petname: Option<Petname>,
    ) -> Result<Self, Error> {
        let malformed = Error::Malformed { what: "the records of one identity" };
        let first = records.first().ok_or(malformed.clone())?;
        if records.len() > MAX_CARD_DEVICES {
            return Err(Error::TooLarge { what: "devices in a card", limit: MAX_CARD_DEVICES });
        }
        if addresses.len() > MAX_CARD_ADDRESSES {
            return Err(Error::TooLarge { what: "addresses in a card", limit: MAX_CARD_ADDRESSES });
        }
        if records.iter().any(|record| record.identity() != first.identity()) {
            return Err(malformed);
        }
        for (place, record) in records.iter().enumerate() {
            let twin = |other: &Record| {
                other.device() == record.device() || other.static_key() == record.static_key()
            };
            if records[..place].iter().any(twin) {
                return Err(Error::DeviceConflict);
            }
        }
        let card = Self { records, door, addresses, petname };
        if card.encode().len() > MAX_CARD_BYTES {
            return Err(Error::TooLarge { what: "bytes of a card", limit: MAX_CARD_BYTES });
        }
        Ok(card)
    }

    /// Whose card it is.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        // `new` refuses a card without a record.
        self.records.first().map_or(IdentityKey([0; 32]), Record::identity)
    }

    /// Their devices; at least one.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The secret that lets a first packet be looked at.
    #[must_use]
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Where they may be found, the best first.
    #[must_use]
    pub fn addresses(&self) -> &[NetAddress] {
        &self.addresses
    }

    /// What they call themselves.
    #[must_use]
    pub fn petname(&self) -> Option<&Petname> {
        self.petname.as_ref()
    }

    /// The same card under another name, or none.
    #[must_use]
    pub fn with_petname(mut self, petname: Option<Petname>) -> Self {
        self.petname = petname;
        self
    }

    /// The text form. It holds the door: whoever reads it may have a first packet looked at.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when [`with_petname`](Self::with_petname) made it too long.
    pub fn to_text(&self) -> Result<String, Error> {
        text::encode(CARD_PREFIX, &self.encode())
            .ok_or(Error::TooLarge { what: "bytes of a card", limit: MAX_CARD_BYTES })
    }

    /// `version 1 | door 32 | identity 32 | n u8 | n (static key 32 | device id 16 | expiry u64 | signature 64) |
    /// n u8 | n (length u8 | address) | length u8 | petname`
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![CARD_VERSION];
        bytes.extend_from_slice(self.door.dangerous_bytes());
        bytes.extend_from_slice(&self.identity().0);
        bytes.push(length_byte(self.records.len()));
        for record in &self.records {
            bytes.extend_from_slice(&record.to_bytes()[32..]);
        }
        bytes.push(length_byte(self.addresses.len()));
        for text in self.addresses.iter().map(NetAddress::as_str) {
            bytes.push(length_byte(text.len()));
            bytes.extend_from_slice(text.as_bytes());
        }
        let petname = self.petname.as_ref().map_or("", Petname::as_str);
        bytes.push(length_byte(petname.len()));
        bytes.extend_from_slice(petname.as_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, "a card");
        let version = reader.byte()?;
        if version != CARD_VERSION {
            return Err(Error::Version { found: version });
        }
        let door = Door::from_bytes(reader.array()?);
        let identity = reader.array::<32>()?;
        let records = (0..reader.count(MAX_CARD_DEVICES)?)
            .map(|_| {
                let mut record = [0; RECORD_BYTES];
                record[..32].copy_from_slice(&identity);
                record[32..].copy_from_slice(&reader.array::<120>()?);
                Record::from_bytes(&record)
            })
            .collect::<Result<_, _>>()?;
        let addresses = (0..reader.count(MAX_CARD_ADDRESSES)?)
            .map(|_| reader.text(MAX_ADDRESS_BYTES).and_then(NetAddress::new))
            .collect::<Result<_, _>>()?;
        let petname = match reader.text(MAX_PETNAME_BYTES)? {
            "" => None,
            name => Some(Petname::new(name)?),
        };
        reader.finish()?;
        Self::new(records, door, addresses, petname)
    }
}

/// Lengths here are bounded by [`MAX_CARD_BYTES`] parts of at most 128 bytes.
fn length_byte(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

impl FromStr for Card {
    type Err = Error;

    /// Reads `conclave1…`, all in lower or all in upper case, and verifies every record.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another kind of text, [`Error::Checksum`] for a damaged one, [`Error::Version`],
    /// [`Error::Signature`] and the others of [`Card::new`] and [`Record::from_bytes`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::decode(&text::decode(CARD_PREFIX, text, "a card (conclave1...)")?)
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let devices: Vec<DeviceId> = self.records.iter().map(Record::device).collect();
        f.debug_struct("Card")
            .field("identity", &self.identity())
            .field("devices", &devices)
            .field("addresses", &self.addresses)
            .field("petname", &self.petname)
            .finish_non_exhaustive()
    }
}
