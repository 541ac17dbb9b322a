//! What makes this node itself: identity, device, record, door, name.

use std::path::PathBuf;

use membership::{Card, DeviceKey, Door, Identity, IdentityKey, NetAddress, Petname, Record, UnixSeconds};
use node::Kept;
use rand::TryRng;
use rand::rngs::{StdRng, SysRng};
use zeroize::Zeroizing;

use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::super::passphrase::Passphrase;
use super::{Home, HomeLock, file};

/// How long a record that is signed now holds.
pub(crate) const RECORD_SECONDS: u64 = 365 * 24 * 3_600;
/// A record with less than this left is replaced: members that meet this node in time learn the new one.
pub(crate) const RENEWAL_SECONDS: u64 = 90 * 24 * 3_600;

const DOOR_FILE: [u8; 2] = [1, b'K'];

/// The keys of a home, as a node needs them.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) identity: IdentityKey,
    pub(crate) device: DeviceKey,
    pub(crate) record: Record,
    pub(crate) door: Door,
    pub(crate) petname: Option<Petname>,
}

/// How a home is to be made.
#[derive(Debug, Default)]
pub(crate) struct Founding {
    /// The name that its cards suggest.
    pub(crate) petname: Option<Petname>,
    /// What the identity is kept under.
    pub(crate) passphrase: Option<Passphrase>,
}

/// What is made for one identity, and of no use to another.
const LEFTOVERS: [&str; 7] =
    ["device", "record", "door", "person.redb", "machine.redb", "roster", "members.json"];

/// Whether a record is so near its end that a new one should take its place.
pub(crate) fn due_for_renewal(record: &Record, now: UnixSeconds) -> bool {
    record.expires() < now.saturating_add(RENEWAL_SECONDS)
}

/// Something that was mended while the keys were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mended {
    /// The device's key was gone: this machine is a new device of its identity now.
    NewDevice,
    /// The record had expired or was about to.
    RenewedRecord,
}

impl Home {
    /// Makes a home for an identity, under a passphrase or plain: device, record and door. Refuses where there is an
    /// identity already.
    pub(crate) fn found(
        &self,
        lock: &HomeLock,
        identity: &Identity,
        founding: &Founding,
        now: UnixSeconds,
    ) -> Result<Keys, Failure> {
        self.check_vacant()?;
        match &founding.petname {
            Some(name) => file::save(&self.path("name"), format!("{name}\n").as_bytes())?,
            None => file::remove(&self.path("name"))?,
        }
        let ours = |record: Record| record.identity() == identity.key();
        if !self.read("record", read_record)?.is_some_and(ours) {
            // What an earlier attempt left, or somebody else, is nobody's.
            for name in LEFTOVERS {
                file::remove(&self.path(name))?;
            }
        }
        self.save_identity(Some(lock), identity, founding.passphrase.as_ref())?;
        self.keys(lock, Some(identity), now).map(|(keys, _)| keys)
    }

    /// Refuses where there is an identity already.
    pub(crate) fn check_vacant(&self) -> Result<(), Failure> {
        if !self.has_identity()? {
            return Ok(());
        }
        Err(Failure::new(Kind::HomeExists, format!("{} has an identity", self.folder().display()))
            .meaning("another would replace the one your members know, so nothing was changed")
            .advice("see it with `conclave id`")
            .advice("make another home with `--home FOLDER`"))
    }

    /// Whether something has to be signed before the keys can be used: a device key or a record is missing or at its end.
    pub(crate) fn is_due(&self, now: UnixSeconds) -> Result<bool, Failure> {
        let identity = self.identity_key()?;
        let Some(device) = self.read("device", DeviceKey::from_file_bytes)? else { return Ok(true) };
        let record = self.read("record", read_record)?;
        Ok(!record.is_some_and(|record| is_fitting(&record, &identity, &device, now)))
    }

    /// Reads the keys; makes what is missing under the identity and renews a record that is about to expire. For that it
    /// takes a signer: see [`is_due`](Self::is_due).
    ///
    /// A device key is never copied or restored, so one that is missing is replaced, not asked for.
    pub(crate) fn keys(
        &self,
        _lock: &HomeLock,
        signer: Option<&Identity>,
        now: UnixSeconds,
    ) -> Result<(Keys, Vec<Mended>), Failure> {
        let identity = self.identity_key()?;
        let signer = signer.filter(|signer| signer.key() == identity);
        let signer = || {
            signer.ok_or_else(|| {
                Failure::new(Kind::Sealed, "the record of this device cannot be renewed")
                    .meaning("the identity, which signs it, is kept under a passphrase")
            })
        };
        let mut mended = Vec::new();
        let device = match self.read("device", DeviceKey::from_file_bytes)? {
            Some(device) => device,
            None => {
                signer()?;
                self.new_device(&mut mended)?
            }
        };
        let fitting = |record: &Record| is_fitting(record, &identity, &device, now);
        let record = match self.read("record", read_record)?.filter(fitting) {
            Some(record) => record,
            None => {
                let expires = now.saturating_add(RECORD_SECONDS);
                let record =
                    Record::issue(signer()?, device.id(), device.key(), expires).map_err(primitive)?;
                file::save(&self.path("record"), &record.to_bytes())?;
                mended.push(Mended::RenewedRecord);
                record
            }
        };
        let door = match self.read("door", read_door)? {
            Some(door) => door,
            None => {
                let door = Door::generate(&mut randomness()?);
                self.save_door(&door)?;
                door
            }
        };
        let petname = self.petname()?;
        Ok((Keys { identity, device, record, door, petname }, mended))
    }

    /// Reads the keys as they are, without the lock: for showing them while another process uses the home.
    pub(crate) fn keys_as_they_are(&self) -> Result<Keys, Failure> {
        let identity = self.identity_key()?;
        let incomplete = || {
            Failure::new(Kind::HomeLocked, format!("{} is not complete yet", self.folder().display()))
                .meaning("another process is just making it")
                .advice("try again in a moment")
        };
        let record = self.read("record", read_record)?.ok_or_else(incomplete)?;
        if record.identity() != identity {
            return Err(Failure::new(Kind::LocalIo, "the record of this device is by another identity")
                .meaning("`identity` or `record` in the home was replaced")
                .advice(format!("remove {}: it is made anew", file::quoted(&self.path("record")))));
        }
        Ok(Keys {
            identity,
            device: self.read("device", DeviceKey::from_file_bytes)?.ok_or_else(incomplete)?,
            record,
            door: self.read("door", read_door)?.ok_or_else(incomplete)?,
            petname: self.petname()?,
        })
    }

    /// Has the cards of this home carry the door that is kept with the directory, once it was replaced.
    pub(super) fn follow_doors(&self, kept: &Kept) -> Result<(), Failure> {
        match &kept.doors {
            Some(doors) if self.read("door", read_door)?.as_ref() != Some(&doors.current.door) => {
                self.save_door(&doors.current.door)
            }
            _ => Ok(()),
        }
    }

    fn save_door(&self, door: &Door) -> Result<(), Failure> {
        let bytes = Zeroizing::new([&DOOR_FILE[..], door.dangerous_bytes()].concat());
        file::save(&self.path("door"), &bytes)
    }

    fn new_device(&self, mended: &mut Vec<Mended>) -> Result<DeviceKey, Failure> {
        let device = DeviceKey::generate(&mut randomness()?).map_err(primitive)?;
        file::save(&self.path("device"), &device.dangerous_file_bytes()[..])?;
        mended.push(Mended::NewDevice);
        Ok(device)
    }

    fn petname(&self) -> Result<Option<Petname>, Failure> {
        let read = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            Petname::new(text.trim_end())
        };
        self.read("name", read)
    }

    pub(super) fn read<T>(
        &self,
        name: &str,
        understand: impl FnOnce(&[u8]) -> Result<T, membership::Error>,
    ) -> Result<Option<T>, Failure> {
        let path = self.path(name);
        let Some(bytes) = file::read(&path)? else { return Ok(None) };
        understand(&bytes).map(Some).map_err(|error| {
            Failure::new(Kind::LocalIo, format!("{} cannot be read: {error}", path.display()))
                .meaning("the file is damaged, or a newer version of this program wrote it")
                .advice("use the version that wrote it, or restore the identity from your backup (never the device)")
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }
}

impl Mended {
    /// What the owner of the home should know about it.
    pub(crate) fn notice(self) -> Event {
        let (what, advice) = match self {
            Mended::NewDevice => (
                "this machine had no device key, so it has a new one under your identity",
                "hand out a new card (`conclave id`): members who have the old one cannot reach this device with it",
            ),
            Mended::RenewedRecord => ("the record of this device was renewed", ""),
        };
        Event::Notice { what: what.to_owned(), advice: advice.to_owned() }
    }
}

impl Keys {
    /// The card to hand out, with these addresses in it.
    pub(crate) fn card(&self, addresses: Vec<NetAddress>) -> Result<Card, membership::Error> {
        Card::new(vec![self.record.clone()], self.door.clone(), addresses, self.petname.clone())
    }
}

fn is_fitting(record: &Record, identity: &IdentityKey, device: &DeviceKey, now: UnixSeconds) -> bool {
    record.identity() == *identity && record.static_key() == device.key() && !due_for_renewal(record, now)
}

fn read_record(bytes: &[u8]) -> Result<Record, membership::Error> {
    let bytes = bytes.try_into().map_err(|_| membership::Error::Malformed { what: "a record" })?;
    Record::from_bytes(bytes)
}

fn read_door(bytes: &[u8]) -> Result<Door, membership::Error> {
    let door = bytes.strip_prefix(&DOOR_FILE).and_then(|door| door.try_into().ok());
    door.map(Door::from_bytes).ok_or(membership::Error::Malformed { what: "a door" })
}

/// The randomness of the system: where it fails, nothing is made.
pub(super) fn randomness() -> Result<StdRng, Failure> {
    use rand::SeedableRng;
    let mut seed = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(&mut seed[..]).map_err(|error| {
        Failure::new(Kind::LocalIo, format!("the system gives no randomness: {error}"))
            .meaning("no key that is made now could be trusted")
    })?;
    Ok(StdRng::from_seed(*seed))
}

fn primitive(error: membership::Error) -> Failure {
    Failure::new(Kind::Broken, format!("a key could not be made: {error}"))
        .advice("try again, and report it if it stays")
}

#[cfg(test)]
mod tests;
