//! Two nodes in one process, over TCP on this machine: one has a host who greets, the other visits him.
//!
//! `cargo run -p conclave --example hello`

use std::error::Error;
use std::time::Duration;

use conclave::{
    Address, Allow, Card, Device, DeviceKey, Door, Identity, Inbox, Message, Node, Record, ReplyTo, Schema,
    UnixSeconds,
};
use serde::{Deserialize, Serialize};

/// What the host is told.
#[derive(Serialize, Deserialize)]
enum Host {
    /// Greet somebody of that name.
    Greet(String, ReplyTo<String>),
    /// Tell this address of everybody who comes from now on.
    Watch(Address<Visit>),
}

impl Message for Host {
    const SCHEMA: Schema = Schema::new("hello.host/1");
}

/// Somebody of that name was greeted.
#[derive(Debug, Serialize, Deserialize)]
struct Visit(String);

impl Message for Visit {
    const SCHEMA: Schema = Schema::new("hello.visit/1");
}

async fn host(mut inbox: Inbox<Host>) {
    let mut watchers = Vec::<Address<Visit>>::new();
    while let Some(message) = inbox.recv().await {
        match message {
            Host::Greet(name, reply) => {
                reply.send(format!("Hello, {name}"));
                // Who is not there any more, or does not keep up, misses it.
                watchers.retain(|watcher| watcher.try_send(Visit(name.clone())).is_ok());
            }
            Host::Watch(watcher) => watchers.push(watcher),
        }
    }
}

/// A node with a new identity, and the card to hand to those who may come in.
async fn somebody() -> Result<(Node, Card), Box<dyn Error>> {
    let mut rng = rand::rng();
    let identity = Identity::generate(&mut rng);
    let key = DeviceKey::generate(&mut rng)?;
    let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX)?;
    let door = Door::generate(&mut rng);
    let device = Device::new(key, record.clone())?;
    let node =
        Node::builder().device(device).door(door.clone()).listen("127.0.0.1:0".parse()?).spawn().await?;
    let addresses = node.local_addresses().iter().map(|address| address.to_string().parse());
    let card = Card::new(vec![record], door, addresses.collect::<Result<_, _>>()?, None)?;
    Ok((node, card))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (alice, alices_card) = somebody().await?;
    let (bob, bobs_card) = somebody().await?;
    // Each must have the other's card: neither says a word to strangers.
    alice.add_member(&bobs_card)?;
    bob.add_member(&alices_card)?;

    bob.serve("host", Allow::Members, host)?;

    let host: Address<Host> = alice.service(bob.identity(), "host").await?;
    // This address travels to bob inside a message, and he writes to it.
    let (watcher, mut visits) = alice.mailbox::<Visit>();
    host.send(Host::Watch(watcher)).await?;
    let greeting = host.ask(|reply| Host::Greet("Alice".into(), reply), Duration::from_secs(5)).await?;
    println!("bob says: {greeting}");
    println!("and tells who came: {:?}", visits.recv().await);

    alice.shutdown().await;
    bob.shutdown().await;
    // Whoever holds an address is told when nobody is behind it any more.
    println!("the host is gone: {}", host.ended().await);
    Ok(())
}
