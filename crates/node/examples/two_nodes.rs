//! Two nodes of two people, on loopback, tell each other something.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use membership::{NetAddress, UnixSeconds};
use node::{Card, Device, DeviceKey, Door, Identity, Node, Record, StreamName, StreamOptions};
use rand::RngExt;

/// Starts a node for somebody new, and makes the card that others need to reach it.
async fn somebody() -> Result<(Node, Card), Box<dyn Error>> {
    let mut rng = rand::rng();
    let identity = Identity::generate(&mut rng);
    let key = DeviceKey::generate(&mut rng)?;
    let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX)?;
    let door = Door::from_bytes(rng.random());

    let device = Device::new(key, record.clone())?;
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let node = Node::builder().device(device).door(door.clone()).listen(anywhere).spawn().await?;

    let address = NetAddress::new(node.local_addresses()[0].to_string())?;
    let card = Card::new(vec![record], door, vec![address], None)?;
    Ok((node, card))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (alice, alices_card) = somebody().await?;
    let (bob, bobs_card) = somebody().await?;
    alice.add_member(&bobs_card)?;
    bob.add_member(&alices_card)?;

    let name = StreamName::new("greetings").ok_or("not a name")?;
    let mut greetings = bob.receiver(name.clone())?;
    let to_bob = alice.sender(bob.identity(), name, StreamOptions::default());
    to_bob.send_confirmed("good morning").await?;
    if let Some(incoming) = greetings.recv().await {
        let text = incoming.body.collect(1_000).await?;
        println!("{:?} says {:?}", incoming.from, String::from_utf8_lossy(&text));
    }
    println!("there and back in {:?}", alice.ping(bob.identity()).await?);
    alice.shutdown().await;
    bob.shutdown().await;
    Ok(())
}
