//! The list as a file keeps it: keys in hexadecimal, every record verified again when it is read.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::record::RECORD_BYTES;
use crate::{
    Door, Error, IdentityKey, MAX_CARD_ADDRESSES, MAX_MEMBERS, Member, MemberId, Members, NetAddress,
    Petname, Record, UnixSeconds, hex,
};

const LIST_VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredMembers {
    version: u8,
    #[serde(default)]
    members: Vec<StoredMember>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredMember {
    identity: Digits<32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    petname: Option<Petname>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    door: Option<Digits<32>>,
    #[serde(default)]
    addresses: Vec<NetAddress>,
    devices: Vec<StoredDevice>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredDevice {
    id: Digits<16>,
    static_key: Digits<32>,
    expires: UnixSeconds,
    signature: Digits<64>,
}

/// Bytes in hexadecimal. They may be a door: nothing of them stays behind.
struct Digits<const N: usize>(Zeroizing<[u8; N]>);

impl<const N: usize> Digits<N> {
    fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Zeroizing::new([0; N]);
        copy.copy_from_slice(bytes);
        Self(copy)
    }
}

impl<const N: usize> Serialize for Digits<N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(hex::encode(&self.0[..])))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Digits<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        let bytes = hex::decode(&text).ok_or_else(|| {
            de::Error::invalid_value(
                de::Unexpected::Other("another text"),
                &"lower-case hexadecimal of the right length",
            )
        })?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

impl From<Members> for StoredMembers {
    fn from(members: Members) -> Self {
        Self { version: LIST_VERSION, members: members.iter().map(StoredMember::of).collect() }
    }
}

impl StoredMember {
    fn of(member: &Member) -> Self {
        Self {
            identity: Digits::copy_of(&member.identity().0),
            petname: member.petname().cloned(),
            door: member.door().map(|door| Digits::copy_of(door.dangerous_bytes())),
            addresses: member.addresses().to_vec(),
            devices: member.devices().map(StoredDevice::of).collect(),
        }
    }

    fn restore(self) -> Result<Member, Error> {
        if self.addresses.len() > MAX_CARD_ADDRESSES {
            return Err(Error::TooLarge { what: "addresses of a member", limit: MAX_CARD_ADDRESSES });
        }
        let identity = IdentityKey(*self.identity.0);
        let mut member = Member::new(
            identity,
            self.petname,
            self.door.map(|door| Door::from_bytes(*door.0)),
            self.addresses,
        );
        for device in &self.devices {
            member.learn(&device.restore(&identity)?)?;
        }
        Ok(member)
    }
}

impl StoredDevice {
    fn of(record: &Record) -> Self {
        let bytes = record.to_bytes();
        Self {
            id: Digits::copy_of(&record.device().0),
            static_key: Digits::copy_of(&record.static_key().0),
            expires: record.expires(),
            signature: Digits::copy_of(&bytes[88..]),
        }
    }

    fn restore(&self, identity: &IdentityKey) -> Result<Record, Error> {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..32].copy_from_slice(&identity.0);
        bytes[32..64].copy_from_slice(&self.static_key.0[..]);
        bytes[64..80].copy_from_slice(&self.id.0[..]);
        bytes[80..88].copy_from_slice(&self.expires.seconds().to_le_bytes());
        bytes[88..].copy_from_slice(&self.signature.0[..]);
        Record::from_bytes(&bytes)
    }
}

impl TryFrom<StoredMembers> for Members {
    type Error = Error;

    fn try_from(stored: StoredMembers) -> Result<Self, Error> {
        if stored.version != LIST_VERSION {
            return Err(Error::Version { found: stored.version });
        }
        if stored.members.len() > MAX_MEMBERS {
            return Err(Error::TooLarge { what: "members", limit: MAX_MEMBERS });
        }
        let mut members = Self::new();
        for member in stored.members {
            let member = member.restore()?;
            let id = MemberId::of(&member.identity());
            if members.by_id(&id).is_some() {
                return Err(Error::IdTaken { id });
            }
            members.put(id, member)?;
        }
        Ok(members)
    }
}
