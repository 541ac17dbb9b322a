//! Two nodes in one process, over TCP on this machine: one greets, the other answers.
//!
//! `cargo run -p conclave --example hello`

use std::error::Error;

use conclave::{
    Card, Device, DeviceKey, Door, Identity, IdentityKey, Node, Receiver, Record, StreamName, StreamOptions,
    UnixSeconds,
};

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

/// Says something, and returns when it is in the other's queue.
async fn say(
    from: &Node,
    to: IdentityKey,
    name: &StreamName,
    words: &'static str,
) -> Result<(), Box<dyn Error>> {
    from.sender(to, name.clone(), StreamOptions::default()).send_confirmed(words).await?;
    Ok(())
}

/// Waits for the next message and prints it.
async fn hear(ear: &mut Receiver) -> Result<(), Box<dyn Error>> {
    let incoming = ear.recv().await.ok_or("the node has shut down")?;
    let words = incoming.body.collect(1_000).await?;
    println!("{:?} says: {}", incoming.from, String::from_utf8_lossy(&words));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (alice, alices_card) = somebody().await?;
    let (bob, bobs_card) = somebody().await?;
    // Each must have the other's card: neither says a word to strangers.
    alice.add_member(&bobs_card)?;
    bob.add_member(&alices_card)?;

    let name = StreamName::new("small talk").ok_or("not a name")?;
    let (mut alices_ear, mut bobs_ear) = (alice.receiver(name.clone())?, bob.receiver(name.clone())?);
    say(&alice, bob.identity(), &name, "Hello, Bob").await?;
    hear(&mut bobs_ear).await?;
    say(&bob, alice.identity(), &name, "Hello, Alice").await?;
    hear(&mut alices_ear).await?;
    alice.shutdown().await;
    bob.shutdown().await;
    Ok(())
}
