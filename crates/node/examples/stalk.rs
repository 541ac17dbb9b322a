//! Connections in the shape of stalk: a listener with a handler, a caller that names whom it wants to reach.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use membership::{NetAddress, UnixSeconds};
use node::stalk::{Closed, Connection, Stalk};
use node::{Builder, Card, Device, DeviceKey, Door, Identity, Message, Node, Record, Schema};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// A list of elements that are delivered as a unit.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Element {
    Integer(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pack(Vec<Element>);

impl Message for Pack {
    const SCHEMA: Schema = Schema::new("example.pack/1");
}

/// Somebody new: what a node is made of, and what its card needs.
fn somebody() -> Result<(Builder, Record, Door), Box<dyn Error>> {
    let mut rng = rand::rng();
    let identity = Identity::generate(&mut rng);
    let key = DeviceKey::generate(&mut rng)?;
    let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX)?;
    let door = Door::from_bytes(rng.random());
    let builder = Node::builder().device(Device::new(key, record.clone())?).door(door.clone());
    Ok((builder, record, door))
}

/// Answers every pack with its number of elements.
async fn serve(mut connection: Connection<Pack>) {
    while let Ok(Pack(elements)) = connection.recv().await {
        let count = i64::try_from(elements.len()).unwrap_or(i64::MAX);
        if connection.send(Pack(vec![Element::Integer(count)])).await.is_err() {
            return;
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let ((builder, record, door), (callers, callers_record, callers_door)) = (somebody()?, somebody()?);
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = Stalk::listen(builder, anywhere, |connection| {
        println!("{:?} is here", connection.peer());
        tokio::spawn(serve(connection));
    });
    let listener = listener.await?;
    let address = NetAddress::new(listener.node().local_addresses()[0].to_string())?;
    let caller = Stalk::start(callers).await?;
    // Who may come, and whom to expect.
    listener.node().add_member(&Card::new(vec![callers_record], callers_door, vec![], None)?)?;
    caller.node().add_member(&Card::new(vec![record], door, vec![address.clone()], None)?)?;

    let mut connection = caller.connect::<Pack>(&address, listener.node().identity()).await?;
    let elements = vec![
        Element::Integer(-7),
        Element::Float(0.5),
        Element::Text("as a unit".into()),
        Element::Bytes(vec![1, 2, 3]),
    ];
    connection.send(Pack(elements)).await?;
    connection.flush().await?;
    println!("answered: {:?}", connection.recv().await?);
    listener.shutdown().await;
    let closed: Closed = connection.recv().await.err().ok_or("more than was sent")?;
    println!("the end: {closed}");
    caller.shutdown().await;
    Ok(())
}
