//! The secret that signs for a home: in a file of its own, under a passphrase or plain.

use membership::{Identity, IdentityKey, PassphraseCost};

use super::super::failure::{Failure, Kind};
use super::super::passphrase::Passphrase;
use super::keys::randomness;
use super::{Home, HomeLock, file};

const FILE: &str = "identity";

impl Home {
    /// Whose home it is. Known without the passphrase, though what vouches for it is only what the identity has signed.
    pub(crate) fn identity_key(&self) -> Result<IdentityKey, Failure> {
        self.read(FILE, |bytes| match Identity::is_sealed(bytes) {
            true => Identity::sealed_key(bytes),
            false => Identity::from_file_bytes(bytes).map(|identity| identity.key()),
        })?
        .ok_or_else(|| super::missing(self.folder()))
    }

    /// Whether there is an identity.
    pub(crate) fn has_identity(&self) -> Result<bool, Failure> {
        Ok(file::read(&self.path(FILE))?.is_some())
    }

    /// Whether a passphrase opens it.
    pub(crate) fn is_sealed(&self) -> Result<bool, Failure> {
        self.read(FILE, |bytes| Ok(Identity::is_sealed(bytes)))?.ok_or_else(|| super::missing(self.folder()))
    }

    /// What signs for this home, if it is kept plain.
    pub(crate) fn plain_identity(&self) -> Result<Identity, Failure> {
        self.read(FILE, Identity::from_file_bytes)?.ok_or_else(|| super::missing(self.folder()))
    }

    /// What signs for this home, where it is kept under a passphrase. Takes some tenths of a second.
    pub(crate) fn sealed_identity(&self, passphrase: &Passphrase) -> Result<Identity, Failure> {
        let opened = self.read(FILE, |bytes| match Identity::open_sealed(bytes, passphrase.expose()) {
            Err(membership::Error::Sealed) => Ok(None),
            outcome => outcome.map(Some),
        })?;
        match opened {
            None => Err(super::missing(self.folder())),
            Some(Some(identity)) => Ok(identity),
            Some(None) => Err(Failure::new(
                Kind::WrongPassphrase,
                "the passphrase does not open the identity",
            )
            .meaning("it is another one, or the file is damaged: the two cannot be told apart")
            .advice("try again; mind capitals and the layout of the keyboard")
            .advice(
                "restore the identity from its words into another home: `conclave --home FOLDER recover`",
            )),
        }
    }

    /// Keeps the identity, under a passphrase or plain: after a crash either as it was, or as it is to be.
    pub(crate) fn save_identity(
        &self,
        _lock: Option<&HomeLock>,
        identity: &Identity,
        passphrase: Option<&Passphrase>,
    ) -> Result<(), Failure> {
        let path = self.path(FILE);
        let Some(passphrase) = passphrase else {
            return file::save(&path, &identity.dangerous_file_bytes()[..]);
        };
        let sealed =
            identity.dangerous_sealed_bytes(passphrase.expose(), PassphraseCost::DEFAULT, &mut randomness()?);
        let sealed = sealed.map_err(|error| {
            Failure::new(Kind::Usage, format!("the identity cannot be kept under that passphrase: {error}"))
        })?;
        file::save(&path, &sealed)
    }
}

/// A new identity.
pub(crate) fn draw_identity() -> Result<Identity, Failure> {
    Ok(Identity::generate(&mut randomness()?))
}
