//! A member whose word counts, and who abuses it.

use std::collections::BTreeSet;
use std::time::Duration;

use membership::{Card, DeviceId, NetAddress, Revoked};
use node::{Invitation, MemoryNetwork};

use crate::join::{Persona, eventually, newcomer};
use crate::support::host;

/// More than a node takes in at once, whatever time it takes to say.
const MANY: u64 = 400;

#[tokio::test(start_paused = true)]
async fn news_without_end_are_passed_over_and_heard_in_time() {
    let network = MemoryNetwork::new();
    let (ann, bob) = (newcomer(&network, 1).await, newcomer(&network, 2).await);
    bob.join(&ann.invite(Invitation { depth: 1, ..Invitation::default() }).await.unwrap()).await.unwrap();
    let heard = || {
        let directory = ann.directory().unwrap();
        directory.revocations().filter(|revocation| revocation.issuer() == bob.identity()).count()
    };
    for number in 0..MANY {
        bob.revoke(Persona::new(1_000 + number).identity.key()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let taken = heard();
    assert!((200..300).contains(&taken), "{taken} of {MANY} at once");
    assert_eq!(bob.directory().unwrap().revocations().count(), usize::try_from(MANY).unwrap());

    // What was passed over is told again when the two next meet, in a few messages.
    tokio::time::sleep(Duration::from_secs(10)).await;
    bob.disconnect(ann.identity());
    bob.connect(ann.identity()).await.unwrap();
    eventually("all of it is heard", || heard() == usize::try_from(MANY).unwrap()).await;
    let about = Revoked::Member(Persona::new(1_000).identity.key());
    assert!(ann.directory().unwrap().revocation(&bob.identity(), &about).is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_devices_without_end_shuts_out_nobody_who_is_away() {
    let network = MemoryNetwork::new();
    let ann = newcomer(&network, 1).await;
    let (bob, carol) = (newcomer(&network, 2).await, newcomer(&network, 3).await);
    for node in [&bob, &carol] {
        node.join(&ann.invite(Invitation { depth: 0, ..Invitation::default() }).await.unwrap())
            .await
            .unwrap();
    }
    carol.shutdown().await;
    drop(carol);

    let mut doors = BTreeSet::new();
    for number in 1..=8 {
        let device = DeviceId([number; 16]);
        bob.revoke_device(device).await.unwrap();
        let about = Revoked::Device(device);
        eventually("it is heard", || ann.directory().unwrap().revocation(&bob.identity(), &about).is_some())
            .await;
        let directory = ann.directory().unwrap();
        doors.insert(*directory.announcement(&ann.identity()).unwrap().facts().card.door().dangerous_bytes());
    }
    assert!(doors.len() <= 5, "{} doors in a moment", doors.len());

    // She comes with the door that Ann had when she left.
    let (carol, anns) = (Persona::new(3).start(&network, host(4)).await, Persona::new(1));
    let address = NetAddress::new(host(1).to_string()).unwrap();
    carol
        .vouch_for(Card::new(vec![anns.record], anns.door, vec![address], None).unwrap(), None)
        .await
        .unwrap();
    carol.ping(ann.identity()).await.unwrap();
}
