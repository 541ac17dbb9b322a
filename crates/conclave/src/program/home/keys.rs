//! What makes this node itself: identity, device, record, door, name.

use std::path::PathBuf;

use membership::{Card, DeviceKey, Door, Identity, IdentityKey, NetAddress, Petname, Record, UnixSeconds};
use node::Kept;
use rand::TryRng;
use rand::rngs::{StdRng, SysRng};
use zeroize::Zeroizing;

use super::super::event::Event;
use super::super::failure::{Failure, Kind};
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
    /// Makes identity, device, record and door. Refuses where there is an identity already.
    pub(crate) fn found(
        &self,
        lock: &HomeLock,
        petname: Option<&Petname>,
        now: UnixSeconds,
    ) -> Result<Keys, Failure> {
        let identity_path = self.path("identity");
        if file::read(&identity_path)?.is_some() {
            return Err(Failure::new(
                Kind::HomeExists,
                format!("{} has an identity", self.folder().display()),
            )
            .meaning("a new one would replace the one your members know, so nothing was changed")
            .advice("see it with `conclave id`")
            .advice("make another home with `--home FOLDER`"));
        }
        let identity = Identity::generate(&mut randomness()?);
        match petname {
            Some(name) => file::save(&self.path("name"), format!("{name}\n").as_bytes())?,
            None => file::remove(&self.path("name"))?,
        }
        // What an earlier attempt left without an identity is nobody's.
        for name in ["device", "record", "door", "counter", "members.json", "roster"] {
            file::remove(&self.path(name))?;
        }
        file::save(&identity_path, &identity.dangerous_file_bytes()[..])?;
        self.keys(lock, now).map(|(keys, _)| keys)
    }

    /// Reads the keys; makes what is missing under the identity and renews a record that is about to expire.
    ///
    /// A device key is never copied or restored, so one that is missing is replaced, not asked for.
    pub(crate) fn keys(&self, _lock: &HomeLock, now: UnixSeconds) -> Result<(Keys, Vec<Mended>), Failure> {
        let identity = self.identity()?;
        let mut mended = Vec::new();
        let device = match self.read("device", DeviceKey::from_file_bytes)? {
            Some(device) => device,
            None => self.new_device(&mut mended)?,
        };
        let fitting = |record: &Record| {
            record.identity() == identity.key()
                && record.static_key() == device.key()
                && !due_for_renewal(record, now)
        };
        let record = match self.read("record", read_record)?.filter(fitting) {
            Some(record) => record,
            None => {
                let expires = now.saturating_add(RECORD_SECONDS);
                let record =
                    Record::issue(&identity, device.id(), device.key(), expires).map_err(primitive)?;
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
        Ok((Keys { identity: identity.key(), device, record, door, petname }, mended))
    }

    /// Reads the keys as they are, without the lock: for showing them while another process uses the home.
    pub(crate) fn keys_as_they_are(&self) -> Result<Keys, Failure> {
        let identity = self.identity()?.key();
        let incomplete = || {
            Failure::new(Kind::HomeLocked, format!("{} is not complete yet", self.folder().display()))
                .meaning("another process is just making it")
                .advice("try again in a moment")
        };
        Ok(Keys {
            identity,
            device: self.read("device", DeviceKey::from_file_bytes)?.ok_or_else(incomplete)?,
            record: self.read("record", read_record)?.ok_or_else(incomplete)?,
            door: self.read("door", read_door)?.ok_or_else(incomplete)?,
            petname: self.petname()?,
        })
    }

    /// What signs for this home.
    pub(crate) fn identity(&self) -> Result<Identity, Failure> {
        self.read("identity", Identity::from_file_bytes)?.ok_or_else(|| super::missing(self.folder()))
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

    fn read<T>(
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

fn read_record(bytes: &[u8]) -> Result<Record, membership::Error> {
    let bytes = bytes.try_into().map_err(|_| membership::Error::Malformed { what: "a record" })?;
    Record::from_bytes(bytes)
}

fn read_door(bytes: &[u8]) -> Result<Door, membership::Error> {
    let door = bytes.strip_prefix(&DOOR_FILE).and_then(|door| door.try_into().ok());
    door.map(Door::from_bytes).ok_or(membership::Error::Malformed { what: "a door" })
}

/// The randomness of the system: where it fails, nothing is made.
fn randomness() -> Result<StdRng, Failure> {
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
mod tests {
    use std::fs;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn home() -> (tempfile::TempDir, Home, HomeLock) {
        let root = tempfile::tempdir().unwrap();
        let home = Home::create(&root.path().join("home")).unwrap();
        let lock = home.lock().unwrap();
        (root, home, lock)
    }

    fn at(seconds: u64) -> UnixSeconds {
        UnixSeconds::new(seconds).unwrap()
    }

    #[test]
    fn a_founded_home_keeps_its_keys() {
        let (_root, home, lock) = home();
        assert_eq!(home.keys(&lock, at(NOW)).unwrap_err().kind, Kind::HomeMissing);
        let name = Petname::new("alice").unwrap();
        let keys = home.found(&lock, Some(&name), at(NOW)).unwrap();
        let (again, mended) = home.keys(&lock, at(NOW)).unwrap();
        assert_eq!(mended, []);
        assert_eq!((again.identity, again.device.key()), (keys.identity, keys.device.key()));
        assert_eq!((&again.door, &again.petname), (&keys.door, &Some(name.clone())));
        assert_eq!(home.found(&lock, Some(&name), at(NOW)).unwrap_err().kind, Kind::HomeExists);
        assert_eq!(home.keys_as_they_are().unwrap().record, keys.record);
        let card = keys.card(vec![NetAddress::new("192.0.2.1:7411").unwrap()]).unwrap();
        assert_eq!(card.to_text().unwrap().parse::<Card>().unwrap(), card);
    }

    #[test]
    fn a_lost_device_is_replaced_under_the_same_identity() {
        let (_root, home, lock) = home();
        let keys = home.found(&lock, None, at(NOW)).unwrap();
        fs::remove_file(home.path("device")).unwrap();
        let (new, mended) = home.keys(&lock, at(NOW)).unwrap();
        assert_eq!(mended, [Mended::NewDevice, Mended::RenewedRecord]);
        assert_eq!((new.identity, &new.door), (keys.identity, &keys.door));
        assert_ne!((new.device.key(), new.device.id()), (keys.device.key(), keys.device.id()));
        assert_eq!(new.record.static_key(), new.device.key());
    }

    #[test]
    fn a_record_is_renewed_before_it_expires_and_not_earlier() {
        let (_root, home, lock) = home();
        let first = home.found(&lock, None, at(NOW)).unwrap().record;
        let early = home.keys(&lock, at(NOW + RECORD_SECONDS - RENEWAL_SECONDS)).unwrap();
        assert_eq!((early.1, early.0.record), (vec![], first.clone()));
        let late = home.keys(&lock, at(NOW + RECORD_SECONDS - RENEWAL_SECONDS + 1)).unwrap();
        assert_eq!(late.1, [Mended::RenewedRecord]);
        assert!(late.0.record.expires() > first.expires());
        assert_eq!(late.0.record.static_key(), first.static_key());
    }

    #[test]
    fn a_damaged_key_is_reported_and_never_replaced() {
        let (_root, home, lock) = home();
        home.found(&lock, None, at(NOW)).unwrap();
        for name in ["identity", "device", "door", "record"] {
            let path = home.path(name);
            let good = fs::read(&path).unwrap();
            file::save(&path, good.split_last().unwrap().1).unwrap();
            let failure = home.keys(&lock, at(NOW)).unwrap_err();
            assert_eq!(failure.kind, Kind::LocalIo, "{name}");
            assert_eq!(fs::read(&path).unwrap().len(), good.len() - 1, "{name} was not touched");
            file::save(&path, &good).unwrap();
        }
        home.keys(&lock, at(NOW)).unwrap();
    }
}
