//! What a node keeps of its directory: durable before it shows, and there again after a restart.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use membership::{DeviceKey, Identity, Record, Standing, UnixSeconds};
use node::{
    ConnectError, Device, DirectoryConfig, DirectoryError, Door, Invitation, JoinError, Keep, Kept,
    MemoryNetwork, Node,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::join::{Persona, eventually, newcomer};
use crate::support::host;

/// A disk of one node.
#[derive(Clone, Default)]
struct Disk {
    kept: Arc<Mutex<Kept>>,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    fn keep(&self) -> Keep {
        let disk = self.clone();
        Keep::new(move |kept| {
            if disk.is_full.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            *disk.kept.lock().unwrap() = kept.clone();
            Ok(())
        })
    }
}

/// The node number 1, which begins with what its disk holds.
async fn ann(network: &MemoryNetwork, disk: &Disk) -> Node {
    let mut rng = StdRng::seed_from_u64(1);
    let identity = Identity::generate(&mut rng);
    let key = DeviceKey::generate(&mut rng).unwrap();
    let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX).unwrap();
    let kept = disk.kept.lock().unwrap().clone();
    let config = DirectoryConfig { kept, keep: Some(disk.keep()), ..DirectoryConfig::new(identity) };
    Node::builder()
        .device(Device::new(key, record).unwrap())
        .door(Door::generate(&mut rng))
        .directory(config)
        .memory(network)
        .listen(host(1))
        .spawn()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn members_and_tickets_are_there_after_a_restart_and_used_tickets_are_not() {
    let (network, disk) = (MemoryNetwork::new(), Disk::default());
    let (bob, carol, eve) =
        (newcomer(&network, 2).await, newcomer(&network, 3).await, newcomer(&network, 4).await);
    let node = ann(&network, &disk).await;
    let used = node.invite(Invitation::default()).await.unwrap();
    let open = node.invite(Invitation { uses: 2, ..Invitation::default() }).await.unwrap();
    bob.join(&used).await.unwrap();
    carol.join(&open).await.unwrap();
    node.shutdown().await;
    drop(node);

    let node = ann(&network, &disk).await;
    assert!(matches!(node.standing(&bob.identity()).unwrap(), Standing::Member { .. }));
    let refused = eve.join(&used).await.unwrap_err();
    assert!(matches!(refused, JoinError::Connect(ConnectError::NoAnswer)), "{refused}");
    eve.join(&open).await.unwrap();
    let late = newcomer(&network, 5).await;
    assert!(late.join(&open).await.is_err(), "two uses in all, one before and one after the restart");
    assert!(disk.kept.lock().unwrap().tickets.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_does_not_show() {
    let (network, disk) = (MemoryNetwork::new(), Disk::default());
    let (node, bob) = (ann(&network, &disk).await, newcomer(&network, 2).await);
    let ticket = node.invite(Invitation::default()).await.unwrap();
    disk.is_full.store(true, Ordering::Relaxed);
    let before = node.directory().unwrap();
    assert!(matches!(node.invite(Invitation::default()).await, Err(DirectoryError::Store(_))));
    assert!(matches!(node.revoke(bob.identity()).await, Err(DirectoryError::Store(_))));
    assert!(bob.join(&ticket).await.is_err(), "nobody comes in whom a restart would put out again");
    assert_eq!(node.directory().unwrap(), before);
    assert_eq!(node.standing(&bob.identity()).unwrap(), Standing::Unknown);
    disk.is_full.store(false, Ordering::Relaxed);
    bob.join(&ticket).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_keeps_the_directory_and_the_tickets() {
    let network = MemoryNetwork::new();
    let store = node::store::Store::in_memory().unwrap();
    let start = async || {
        let persona = crate::join::Persona::new(1);
        let own = persona.record.identity();
        let kept = Kept::load(&store, &own).unwrap();
        let keep = Keep::in_store(&store, own, kept.clone());
        let config = |signer| DirectoryConfig { kept, keep: Some(keep), ..DirectoryConfig::new(signer) };
        persona.start_with(config, &network, host(1)).await
    };
    let (bob, carol, eve) =
        (newcomer(&network, 2).await, newcomer(&network, 3).await, newcomer(&network, 4).await);
    let node = start().await;
    let used = node.invite(Invitation::default()).await.unwrap();
    let open = node.invite(Invitation { uses: 2, ..Invitation::default() }).await.unwrap();
    bob.join(&used).await.unwrap();
    carol.join(&open).await.unwrap();
    node.revoke(carol.identity()).await.unwrap();
    node.shutdown().await;
    let before = node.directory().unwrap();
    drop(node);

    let node = start().await;
    assert_eq!(node.directory().unwrap(), before, "the new door too, so that nothing is announced anew");
    assert!(matches!(node.standing(&bob.identity()).unwrap(), Standing::Member { .. }));
    assert!(matches!(node.standing(&carol.identity()).unwrap(), Standing::Revoked { .. }));
    assert!(eve.join(&used).await.is_err(), "used before the restart");
    assert!(Kept::load(&store, &node.identity()).unwrap().doors.is_some(), "the door was replaced");
}

#[tokio::test(start_paused = true)]
async fn nobody_passes_for_another_by_a_name_suggested_later() {
    let network = MemoryNetwork::new();
    let (ann, mut bob) = (newcomer(&network, 1).await, named(&network, 2, "bob").await);
    bob.join(&ann.invite(Invitation::default()).await.unwrap()).await.unwrap();
    let called = |number: u64| {
        let members = ann.members();
        members.get(&Persona::new(number).identity.key()).and_then(|it| it.petname().map(ToString::to_string))
    };
    eventually("bob has said who he is", || called(2).as_deref() == Some("bob")).await;
    for other in ["carol", "bob the second"] {
        bob.shutdown().await;
        drop(bob);
        bob = named(&network, 2, other).await;
        bob.join(&ann.invite(Invitation::default()).await.unwrap()).await.ok();
        bob.connect(ann.identity()).await.ok();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(called(2).as_deref(), Some("bob"), "although he says {other}");
    }
    let carol = named(&network, 3, "carol").await;
    carol.join(&ann.invite(Invitation::default()).await.unwrap()).await.unwrap();
    eventually("the name is free for carol", || called(3).as_deref() == Some("carol")).await;
    let impostor = named(&network, 4, "bob").await;
    impostor.join(&ann.invite(Invitation::default()).await.unwrap()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((called(2).as_deref(), called(4)), (Some("bob"), None));
}

async fn named(network: &MemoryNetwork, number: u8, name: &str) -> Node {
    let name = Some(name.parse().unwrap());
    let config = |signer| DirectoryConfig { name, ..DirectoryConfig::new(signer) };
    Persona::new(number.into()).start_with(config, network, host(number)).await
}
