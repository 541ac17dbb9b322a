//! Two nodes over loopback.

use std::net::{Ipv4Addr, SocketAddr};

use membership::{Card, DeviceKey, Door, Identity, NetAddress, Record, UnixSeconds};
use node::{Device, Node};
use rand::RngExt;

/// Two nodes that know each other.
///
/// # Errors
/// Whatever keeps a node from starting.
pub async fn pair() -> anyhow::Result<(Node, Node)> {
    let ((here, his_card), (there, her_card)) = (somebody().await?, somebody().await?);
    here.add_member(&her_card)?;
    there.add_member(&his_card)?;
    Ok((here, there))
}

/// Ends nodes, one after the other.
pub async fn shut_down(nodes: impl IntoIterator<Item = Node>) {
    for node in nodes {
        node.shutdown().await;
    }
}

async fn somebody() -> anyhow::Result<(Node, Card)> {
    let mut rng = rand::rng();
    let identity = Identity::generate(&mut rng);
    let key = DeviceKey::generate(&mut rng)?;
    let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX)?;
    let door = Door::from_bytes(rng.random());
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let device = Device::new(key, record.clone())?;
    let node = Node::builder().device(device).door(door.clone()).listen(anywhere).spawn().await?;
    let addresses = node.local_addresses().iter().map(|address| NetAddress::new(address.to_string()));
    let addresses = addresses.collect::<Result<_, _>>()?;
    Ok((node, Card::new(vec![record], door, addresses, None)?))
}
