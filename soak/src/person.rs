//! Who takes part. Keys follow from the seed and a number, so that a process that comes back is the same device.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context as _, Result};
use membership::UnixSeconds;
use node::store::Store;
use node::{
    Device, DeviceKey, DirectoryConfig, Door, Identity, IdentityKey, Keep, Kept, NetAddress, Node, Policy,
    Record,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::plan;

/// The number of the node that lives the whole time.
pub(crate) const STEADY: u32 = 0;

/// The identity of that number.
pub(crate) fn identity_of(seed: u64, number: u32) -> IdentityKey {
    Identity::generate(&mut rng(seed, number)).key()
}

/// Starts the node of that number with what its home holds. `address` is where others are told to find it; where it
/// listens, if there is none.
pub(crate) async fn start(seed: u64, number: u32, home: &Path, address: Option<SocketAddr>) -> Result<Node> {
    let mut rng = rng(seed, number);
    let identity = Identity::generate(&mut rng);
    let key = DeviceKey::generate(&mut rng)?;
    let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX)?;
    let door = Door::generate(&mut rng);
    let own = identity.key();
    let store = Store::open(home).with_context(|| format!("the store in {}", home.display()))?;
    let kept = Kept::load(&store, &own)?;
    let keep = Keep::in_store(&store, own, kept.clone());
    let addresses = address.map(|address| NetAddress::new(address.to_string())).transpose()?;
    let mut policy = Policy::of(own);
    policy.size_classes.peer_bytes = plan::MAX_MESSAGE_BYTES;
    let config = DirectoryConfig {
        policy: Some(policy),
        kept,
        keep: Some(keep),
        addresses: addresses.into_iter().collect(),
        ..DirectoryConfig::new(identity)
    };
    let builder = Node::builder().device(Device::new(key, record)?).door(door).directory(config);
    let builder = builder.limits(plan::limits()).listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    Ok(builder.store(store).spawn().await?)
}

fn rng(seed: u64, number: u32) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(u64::from(number)))
}
