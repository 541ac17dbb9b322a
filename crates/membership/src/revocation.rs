//! The statement of one member about another: keep them out.

use crate::identity::verify;
use crate::reader::Reader;
use crate::{DeviceId, Error, Identity, IdentityKey, signed::message};

const LABEL: &str = "Conclave1 revocation";

/// What a revocation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revoked {
    /// A member with all its devices.
    Member(IdentityKey),
    /// One device of the issuer itself.
    Device(DeviceId),
}

/// A signed tombstone, or its undoing by the same issuer. A value of this type has been verified.
///
/// It does not expire. Of two statements of one issuer about the same, the higher serial counts, and of the same
/// serial the one that keeps out: a revocation with the serial `u64::MAX` is for good. Take serials from
/// [`Directory::next_serial`](crate::Directory::next_serial), also after lifting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    issuer: IdentityKey,
    about: Revoked,
    serial: u64,
    lifted: bool,
    signature: [u8; 64],
}

impl Revocation {
    /// Keeps somebody out, or one of the issuer's own devices.
    ///
    /// # Errors
    /// [`Error::AboutOneself`]: an identity does not revoke itself.
    pub fn issue(identity: &Identity, about: Revoked, serial: u64) -> Result<Self, Error> {
        Self::sign(identity, about, serial, false)
    }

    /// Undoes the issuer's own revocation with this serial and all before it. What undoes it has the next serial, so a
    /// later revocation needs the one after that.
    ///
    /// # Errors
    /// As [`issue`](Self::issue).
    pub fn lift(identity: &Identity, about: Revoked, serial: u64) -> Result<Self, Error> {
        // The next serial: of one serial the revocation counts.
        Self::sign(identity, about, serial.saturating_add(1), true)
    }

    fn sign(identity: &Identity, about: Revoked, serial: u64, lifted: bool) -> Result<Self, Error> {
        let issuer = identity.key();
        let mut revocation = Self { issuer, about, serial, lifted, signature: [0; 64] };
        let body = revocation.body()?;
        revocation.signature = identity.sign(&message(LABEL, &body));
        Ok(revocation)
    }

    /// Who says so.
    #[must_use]
    pub fn issuer(&self) -> IdentityKey {
        self.issuer
    }

    /// About what.
    #[must_use]
    pub fn about(&self) -> Revoked {
        self.about
    }

    /// Which of the issuer's statements about this it is.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Whether it undoes those before it.
    #[must_use]
    pub fn is_lifted(&self) -> bool {
        self.lifted
    }

    /// `issuer 32 | kind u8 | subject 32, or device id 16 | serial u64 | lifted u8`
    fn body(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(74);
        bytes.extend_from_slice(&self.issuer.0);
        match &self.about {
            Revoked::Member(subject) if *subject == self.issuer => return Err(Error::AboutOneself),
            Revoked::Member(subject) => {
                bytes.push(0);
                bytes.extend_from_slice(&subject.0);
            }
            Revoked::Device(device) => {
                bytes.push(1);
                bytes.extend_from_slice(&device.0);
            }
        }
        bytes.extend_from_slice(&self.serial.to_le_bytes());
        bytes.push(u8::from(self.lifted));
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
        let issuer = IdentityKey(reader.array()?);
        let about = match reader.byte()? {
            0 => Revoked::Member(IdentityKey(reader.array()?)),
            1 => Revoked::Device(DeviceId(reader.array()?)),
            _ => return Err(reader.malformed()),
        };
        let serial = u64::from_le_bytes(reader.array()?);
        let lifted = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return Err(reader.malformed()),
        };
        let revocation = Self { issuer, about, serial, lifted, signature: reader.array()? };
        verify(&issuer, &message(LABEL, &revocation.body()?), &revocation.signature)?;
        Ok(revocation)
    }

    /// Which of two of one issuer about the same counts: the same wherever they meet, in whatever order.
    pub(crate) fn supersedes(&self, other: &Self) -> bool {
        (self.serial, !self.lifted, self.encode()) > (other.serial, !other.lifted, other.encode())
    }
}
