//! Somebody whose node runs in the process of the demonstration itself, where what its actors hear can be looked at.

use std::net::SocketAddr;
use std::time::Duration;

use node::{Address, Device, Message, Node, ReplyTo};

use super::super::command::member_add;
use super::super::failure::{Failure, Kind};
use super::desk::{DESK, Desk, Note};
use super::person::Person;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A node that dials others and is dialed by nobody.
pub(crate) struct Guest {
    node: Node,
}

impl Guest {
    /// Starts the node of a home that no other process uses, and makes it and its hosts members of each other.
    pub(crate) async fn start(person: &Person, hosts: [(&Person, SocketAddr); 2]) -> Result<Guest, Failure> {
        let broken = |what: String| Failure::new(Kind::Broken, format!("{}: {what}", person.name));
        let keys = person.keys()?;
        let card = keys.card(Vec::new()).and_then(|card| card.to_text());
        let card = card.map_err(|error| broken(format!("no card: {error}")))?;
        let device = Device::new(keys.device, keys.record).map_err(|error| broken(error.to_string()))?;
        let node = Node::builder().device(device).door(keys.door).spawn().await;
        let node = node.map_err(|error| broken(format!("no node: {error}")))?;
        for (host, address) in hosts {
            host.add(&card).await?;
            let card = member_add::parse(&host.card(address).await?)?;
            node.add_member(&card).map_err(|error| broken(format!("a card: {error}")))?;
        }
        Ok(Guest { node })
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
