//! Somebody whose node runs in the process of the demonstration itself, where what its actors hear can be looked at.

use std::time::Duration;

use node::{Address, Device, DirectoryConfig, Message, Node, ReplyTo, Standing};
use tokio::time::sleep;

use super::super::command::now;
use super::super::failure::{Failure, Kind};
use super::super::home::Home;
use super::desk::{DESK, Desk, Note};
use super::person::Person;

/// How often to look whether something has been heard; the step has a limit of its own.
const POLL: Duration = Duration::from_millis(10);
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A node that dials others and is dialed by nobody.
pub(crate) struct Guest {
    node: Node,
}

impl Guest {
    /// Starts the node of a home that no other process uses, and calls on whoever has let it in.
    pub(crate) async fn start(person: &Person, host: &Person) -> Result<Guest, Failure> {
        let broken = |what: String| Failure::new(Kind::Broken, format!("{}: {what}", person.name));
        let keys = person.keys()?;
        let home = Home::open(&person.home)?;
        let kept = {
            let lock = home.lock()?;
            let store = home.store(&lock)?;
            home.roster(&store, keys.identity, now()?)?.kept().clone()
        };
        let config =
            DirectoryConfig { kept, name: keys.petname, ..DirectoryConfig::new(home.plain_identity()?) };
        let device = Device::new(keys.device, keys.record).map_err(|error| broken(error.to_string()))?;
        let node = Node::builder().device(device).door(keys.door).directory(config).spawn().await;
        let node = node.map_err(|error| broken(format!("no node: {error}")))?;
        let reached = node.ping(host.keys()?.identity).await;
        reached.map_err(|error| broken(format!("no session with {}: {error}", host.name)))?;
        Ok(Guest { node })
    }

    /// Waits until somebody is a member here; the step has a limit of its own.
    pub(crate) async fn hears_of(&self, person: &Person) -> Result<(), Failure> {
        let identity = person.keys()?.identity;
        while !matches!(self.node.standing(&identity), Ok(Standing::Member { .. })) {
            sleep(POLL).await;
        }
        Ok(())
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// Finds the desk of a host by its name.
    pub(crate) async fn desk(&self, host: &Person) -> Result<Address<Desk>, Failure> {
        let found = self.node.service(host.keys()?.identity, DESK).await;
        found.map_err(|error| Failure::new(Kind::Broken, format!("{} has no desk: {error}", host.name)))
    }

    pub(crate) async fn leave(self) {
        self.node.shutdown().await;
    }
}

/// Asks a desk for an address.
pub(crate) async fn ask<M: Message>(
    desk: &Address<Desk>,
    question: impl FnOnce(ReplyTo<Address<M>>) -> Desk,
) -> Result<Address<M>, Failure> {
    let answer = desk.ask(question, ANSWER_TIMEOUT).await;
    answer.map_err(|error| Failure::new(Kind::Broken, format!("a desk did not answer: {error}")))
}

/// Has a desk write a note.
pub(crate) async fn write(desk: &Address<Desk>, to: &Address<Note>, text: &str) -> Result<(), Failure> {
    let errand = Desk::Write { to: to.clone(), text: text.to_owned() };
    let sent = desk.send_confirmed(errand).await;
    sent.map_err(|error| Failure::new(Kind::Broken, format!("a desk did not take an errand: {error}")))
}
