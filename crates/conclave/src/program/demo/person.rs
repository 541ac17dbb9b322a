//! Somebody on the stage: a home, a folder for files, and perhaps a running node.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use membership::{Card, NetAddress};
use tokio::time::sleep;

use super::super::event::{Event, StandingLine, StandingWord};
use super::super::failure::{Failure, Kind};
use super::super::home::{Home, Keys};
use super::super::secret::SecretText;
use super::child::{Ended, Launcher, Process};

/// How often to look whether something has been heard.
const POLL: Duration = Duration::from_millis(20);

/// One person with one machine.
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) home: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) member_id: String,
    launcher: Launcher,
}

impl Person {
    /// Makes an identity by the command that anybody would use.
    pub(crate) async fn arrive(
        launcher: &Launcher,
        root: &Path,
        name: &'static str,
    ) -> Result<Person, Failure> {
        let home = root.join(name);
        let arguments = ["init", "--no-passphrase", "--name", name].map(OsStr::new);
        let events = launcher.run(&home, &arguments, "").await?.well()?;
        let card = events.into_iter().find(|event| matches!(event, Event::Card { .. }));
        let Some(Event::Card { member, .. }) = card else {
            return Err(Failure::new(Kind::Broken, "`init` printed no card"));
        };
        let folder = root.join(format!("{name}-received"));
        Ok(Person { name, home, folder, member_id: member.member_id, launcher: launcher.clone() })
    }

    /// Comes in by a ticket, from an empty home, by the command that anybody would use.
    pub(crate) async fn join(
        launcher: &Launcher,
        root: &Path,
        name: &'static str,
        ticket: &str,
    ) -> Result<Person, Failure> {
        let home = root.join(name);
        // On standard input: command lines can be read by everybody on this machine.
        let arguments = ["join", "-", "--no-passphrase", "--name", name].map(OsStr::new);
        let events = launcher.run(&home, &arguments, ticket).await?.well()?;
        if !events.iter().any(|event| matches!(event, Event::Joined(_))) {
            return Err(Failure::new(Kind::Broken, format!("{name} was let in by nobody: {events:?}")));
        }
        let told = launcher.run(&home, &[OsStr::new("whoami")], "").await?.well()?;
        let Some(Event::Whoami(line)) = told.into_iter().next() else {
            return Err(Failure::new(Kind::Broken, "`whoami` said nothing"));
        };
        let folder = root.join(format!("{name}-received"));
        Ok(Person { name, home, folder, member_id: line.member.member_id, launcher: launcher.clone() })
    }

    /// The same person with what they know now, in a home that learns no more.
    pub(crate) fn as_of_now(&self) -> Result<Person, Failure> {
        let home = self.home.with_extension("before");
        let copied = copy_folder(&self.home, &home);
        copied.map_err(|error| Failure::new(Kind::LocalIo, format!("no copy of a home: {error}")))?;
        let (folder, member_id) = (self.folder.clone(), self.member_id.clone());
        Ok(Person { name: self.name, home, folder, member_id, launcher: self.launcher.clone() })
    }

    /// Issues a ticket.
    pub(crate) async fn invite(&self) -> Result<SecretText, Failure> {
        let events = self.run(&["invite"]).await?.well()?;
        let ticket = events.into_iter().find_map(|event| match event {
            Event::Ticket(ticket) => Some(ticket.uri),
            _ => None,
        });
        ticket.ok_or_else(|| Failure::new(Kind::Broken, "`invite` printed no ticket"))
    }

    /// Starts the node, which tells members to find it at `address`; returns it with the address it listens on.
    pub(crate) async fn up(&self, address: SocketAddr) -> Result<(Process, SocketAddr), Failure> {
        let (folder, told) = (self.folder.as_os_str(), address.to_string());
        let arguments = ["up", "--until-stdin-ends", "--demo-desk", "--listen", "127.0.0.1:0", "--addresses"];
        let mut arguments = arguments.map(OsStr::new).to_vec();
        arguments.extend([OsStr::new(&told), OsStr::new("--receive"), folder]);
        let mut process = self.launcher.start(&self.home, &arguments)?;
        let address = process.wait_for(|event| match event {
            Event::Listening { address } => address.parse().ok(),
            _ => None,
        });
        let address = address.await?;
        Ok((process, address))
    }

    /// Waits until there is a member for whom `holds`; the step has a limit of its own.
    pub(crate) async fn sees(
        &self,
        member: &str,
        holds: impl Fn(&StandingLine) -> bool,
    ) -> Result<(), Failure> {
        self.told(member, |line| line.standing == StandingWord::Member && holds(line)).await
    }

    /// Waits until somebody is known to be kept out.
    pub(crate) async fn sees_revoked(&self, member: &str) -> Result<(), Failure> {
        self.told(member, |line| line.standing == StandingWord::Revoked).await
    }

    async fn told(&self, member: &str, holds: impl Fn(&StandingLine) -> bool) -> Result<(), Failure> {
        let is_seen = |event: &Event| matches!(event, Event::Standing(line) if line.member.name == member && holds(line));
        while !self.run(&["members"]).await?.well()?.iter().any(is_seen) {
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Runs a command in this home.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Ended, Failure> {
        self.run_with(arguments, "").await
    }

    /// Runs a command in this home, with that on its standard input.
    pub(crate) async fn run_with(&self, arguments: &[&str], input: &str) -> Result<Ended, Failure> {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        self.launcher.run(&self.home, &arguments, input).await
    }

    /// Starts a command in this home.
    pub(crate) fn start(&self, arguments: &[&OsStr]) -> Result<Process, Failure> {
        self.launcher.start(&self.home, arguments)
    }

    /// Takes somebody in by their card.
    pub(crate) async fn add(&self, card: &str) -> Result<(), Failure> {
        let arguments = ["member", "add", "-"].map(OsStr::new);
        self.launcher.run(&self.home, &arguments, card).await?.well().map(drop)
    }

    /// The card of this person, who can be reached at `address`.
    pub(crate) async fn card(&self, address: SocketAddr) -> Result<String, Failure> {
        let events = self.run(&["id", "--addresses", &address.to_string()]).await?.well()?;
        match events.into_iter().next() {
            Some(Event::Card { card, .. }) => Ok(card),
            _ => Err(Failure::new(Kind::Broken, "`id` printed no card")),
        }
    }

    /// Whether this is their key.
    pub(crate) fn is(&self, member: &[u8; 32]) -> Result<bool, Failure> {
        Ok(self.keys()?.identity.as_bytes() == member)
    }

    /// The keys, to make wrong cards from them and to look for them on the wire.
    pub(crate) fn keys(&self) -> Result<Keys, Failure> {
        Home::open(&self.home)?.keys_as_they_are()
    }

    /// The own card with parts of it exchanged.
    pub(crate) fn forged_card(
        &self,
        address: SocketAddr,
        forge: impl FnOnce(&mut Keys) -> Result<(), Failure>,
    ) -> Result<String, Failure> {
        let mut keys = self.keys()?;
        forge(&mut keys)?;
        let bad = |error: membership::Error| Failure::new(Kind::Broken, format!("no wrong card: {error}"));
        let address = NetAddress::new(address.to_string()).map_err(bad)?;
        let card: Card = keys.card(vec![address]).map_err(bad)?;
        card.to_text().map_err(bad)
    }
}

/// Copies the files of a folder, with who may read them.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
