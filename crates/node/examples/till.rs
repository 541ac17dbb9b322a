//! The twenty lines: a shop serves an actor, a customer of another node looks it up, asks it, and hears from it later.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use membership::{NetAddress, UnixSeconds};
use node::{
    Address, Allow, Card, Device, DeviceKey, Door, Identity, Inbox, Message, Node, Record, ReplyTo, Schema,
};
use rand::RngExt;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Till {
    Put(u64),
    Sum(ReplyTo<u64>),
    Watch(Address<Sale>),
    Close,
}

impl Message for Till {
    const SCHEMA: Schema = Schema::new("shop.till/1");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sale(u64);

impl Message for Sale {
    const SCHEMA: Schema = Schema::new("shop.sale/1");
}

async fn till(mut inbox: Inbox<Till>) {
    let (mut sum, mut watchers) = (0, Vec::<Address<Sale>>::new());
    while let Some(message) = inbox.recv().await {
        match message {
            Till::Put(amount) => {
                sum += amount;
                // Who is not there any more, or does not keep up, misses it.
                watchers.retain(|watcher| watcher.try_send(Sale(amount)).is_ok());
            }
            Till::Sum(reply) => reply.send(sum),
            Till::Watch(watcher) => watchers.push(watcher),
            Till::Close => return,
        }
    }
}

/// Starts a node for somebody new, and makes the card that others need to reach it.
async fn somebody() -> Result<(Node, Card), Box<dyn Error>> {
    let mut rng = rand::rng();
    let identity = Identity::generate(&mut rng);
    let key = DeviceKey::generate(&mut rng)?;
    let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX)?;
    let door = Door::from_bytes(rng.random());
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let device = Device::new(key, record.clone())?;
    let node = Node::builder().device(device).door(door.clone()).listen(anywhere).spawn().await?;
    let address = NetAddress::new(node.local_addresses()[0].to_string())?;
    Ok((node, Card::new(vec![record], door, vec![address], None)?))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let ((shop, shops_card), (customer, customers_card)) = (somebody().await?, somebody().await?);
    shop.add_member(&customers_card)?;
    customer.add_member(&shops_card)?;

    shop.serve("till", Allow::Members, till)?;

    let till: Address<Till> = customer.service(shop.identity(), "till").await?;
    let (sales, mut inbox) = customer.mailbox::<Sale>();
    till.send(Till::Watch(sales)).await?;
    till.send(Till::Put(7)).await?;
    let sum: u64 = till.ask(Till::Sum, Duration::from_secs(1)).await?;
    println!("the till holds {sum}, and the watcher heard {:?}", inbox.recv().await);
    till.send(Till::Close).await?;
    println!("the till is gone: {}", till.ended().await);

    customer.shutdown().await;
    shop.shutdown().await;
    Ok(())
}
