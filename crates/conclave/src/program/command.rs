//! The commands, one file each, and what they all get.

pub(crate) mod call;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod doctor;
mod errand;
pub(crate) mod id;
pub(crate) mod init;
pub(crate) mod introduce;
pub(crate) mod invite;
pub(crate) mod join;
pub(crate) mod man;
pub(crate) mod member_add;
pub(crate) mod member_list;
pub(crate) mod member_remove;
pub(crate) mod members;
pub(crate) mod passphrase;
pub(crate) mod ping;
pub(crate) mod recover;
pub(crate) mod revoke;
pub(crate) mod send;
pub(crate) mod services;
pub(crate) mod status;
pub(crate) mod tickets;
pub(crate) mod up;
pub(crate) mod whoami;
pub(crate) mod why;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use errand::Errand;
use membership::{Identity, UnixSeconds};

use super::account::{self, Account, Look};
use super::failure::{Failure, Kind};
use super::home::{Home, HomeLock, Keys};
use super::ipc::{self, Request};
use super::output::Output;
use super::passphrase::Passphrases;
use super::signals::Signals;
use super::standings::Presence;

/// The member that a command is about.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Name, member id, or the first digits of one
    #[arg(value_name = "MEMBER")]
    pub(crate) member: String,
}

/// What every command gets.
pub(crate) struct Context {
    pub(crate) home_folder: PathBuf,
    pub(crate) output: Output,
    /// Somebody may be asked to type.
    pub(crate) may_ask: bool,
    pub(crate) passphrases: Passphrases,
}

/// Who has the home.
pub(crate) enum Holder {
    /// A running `conclave up`, which takes requests.
    Node(ipc::Running),
    /// This process, now.
    Us(HomeLock),
}

impl Context {
    /// Has the running node do something, or a node of our own for as long as it takes.
    pub(crate) async fn carry_out(&mut self, request: Request) -> Result<(), Failure> {
        let errand = self.begin(request).await?;
        self.attend(errand).await
    }

    /// Asks the running node for something and shows what it tells.
    pub(crate) async fn follow(&mut self, running: ipc::Running, request: Request) -> Result<(), Failure> {
        self.attend(Errand::through(running, request)).await
    }

    /// Shows something that is only looked at, from the running node or from the store of the home.
    pub(crate) async fn look(&mut self, at: Look) -> Result<(), Failure> {
        let home = Home::open(&self.home_folder)?;
        let lock = match self.holder(&home).await? {
            Holder::Node(running) => return self.follow(running, Request::Look { at }).await,
            Holder::Us(lock) => lock,
        };
        let (now, keys, store) = (now()?, home.keys_as_they_are()?, home.store(&lock)?);
        let account = Account {
            home: &home,
            roster: &home.roster(&store, keys.identity, now)?,
            record: &keys.record,
            petname: keys.petname.as_ref(),
            presence: Presence { seen: account::seen(&store, &home)?, ..Presence::default() },
            running: false,
            now,
        };
        for event in account.answer(at) {
            self.output.show(&event);
        }
        Ok(())
    }

    /// Begins what `carry_out` does, for a command that has more to say to it.
    pub(crate) async fn begin(&mut self, request: Request) -> Result<Errand, Failure> {
        let home = Home::open(&self.home_folder)?;
        Ok(match self.holder(&home).await? {
            Holder::Node(running) => Errand::through(running, request),
            Holder::Us(lock) => {
                let signer = self.signer(&home, request.is_signed() || home.is_due(now()?)?)?;
                Errand::alone(home, lock, signer, request)
            }
        })
    }

    /// What signs for the home: always where it is kept plain; where a passphrase opens it, only if it is needed.
    pub(crate) fn signer(&self, home: &Home, is_needed: bool) -> Result<Option<Identity>, Failure> {
        match home.is_sealed()? {
            true if is_needed => self.unlock(home).map(Some),
            true => Ok(None),
            false => home.plain_identity().map(Some),
        }
    }

    /// What signs for the home, whatever it takes.
    pub(crate) fn unlock(&self, home: &Home) -> Result<Identity, Failure> {
        if home.is_sealed()? {
            self.passphrases.open(|passphrase| home.sealed_identity(passphrase))
        } else {
            home.plain_identity()
        }
    }

    async fn attend(&mut self, mut errand: Errand) -> Result<(), Failure> {
        let mut signals = signals()?;
        let mut stopping = false;
        loop {
            tokio::select! {
                event = errand.next() => {
                    let Some(event) = event else { return errand.outcome() };
                    self.output.show(&event);
                    if self.output.is_closed() && !std::mem::replace(&mut stopping, true) {
                        errand.stop();
                    }
                }
                () = signals.next() => {
                    if std::mem::replace(&mut stopping, true) {
                        return Err(interrupted());
                    }
                    errand.stop();
                }
            }
        }
    }

    /// Reads the keys, and says what was mended.
    pub(crate) fn keys(&mut self, home: &Home, lock: &HomeLock) -> Result<Keys, Failure> {
        let now = now()?;
        let signer = self.signer(home, home.is_due(now)?)?;
        let (keys, mended) = home.keys(lock, signer.as_ref(), now)?;
        for mended in mended {
            self.output.show(&mended.notice());
        }
        Ok(keys)
    }

    /// Reaches the running node of the home, or takes the home if there is none.
    pub(crate) async fn holder(&self, home: &Home) -> Result<Holder, Failure> {
        let socket = home.socket()?;
        let deadline = tokio::time::Instant::now() + super::home::LOCK_PATIENCE;
        loop {
            if let Some(running) = ipc::connect(&socket).await? {
                return Ok(Holder::Node(running));
            }
            if let Some(lock) = home.try_lock()? {
                return Ok(Holder::Us(lock));
            }
            // Another command, or a node that is just starting.
            if tokio::time::Instant::now() >= deadline {
                return Err(home.locked());
            }
            tokio::time::sleep(super::home::LOCK_POLL).await;
        }
    }
}

fn signals() -> Result<Signals, Failure> {
    Signals::listen()
        .map_err(|error| Failure::new(Kind::LocalIo, format!("cannot listen for signals: {error}")))
}

fn interrupted() -> Failure {
    Failure::new(Kind::Interrupted, "interrupted")
}

/// The date, as records know it.
pub(crate) fn now() -> Result<UnixSeconds, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds::new(since.as_secs()).map_err(|error| {
        Failure::new(Kind::LocalIo, format!("the clock of this machine is wrong: {error}")).advice("set it")
    })
}
