//! A member whose word counts, and who abuses it.

use std::time::Duration;

use membership::Revoked;
use node::{Invitation, MemoryNetwork};

use crate::join::{Persona, eventually, newcomer};

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
