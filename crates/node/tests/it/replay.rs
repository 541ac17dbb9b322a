//! A recorded session, replayed whole, has no effect.

use std::time::Duration;

use node::store::Store;
use node::{Limits, Members, MemoryNetwork, Node, StreamOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Person, host, name, next, noise};

struct Recorded {
    network: MemoryNetwork,
    alice: Person,
    bob: Person,
    /// What the dialer wrote.
    session: Vec<u8>,
}

/// Alice dials Bob, sends him messages and goes.
async fn record() -> (Recorded, Node) {
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let (alice, bob) = (Person::new(1), Person::new(2));
    let b = bob.start(&network, host(2), Limits::default(), &[(&alice, 1)]).await;
    let a = alice.start(&network, host(1), Limits::default(), &[(&bob, 2)]).await;
    let mut receiver = b.receiver(name("s")).unwrap();
    let sender = a.sender(bob.identity(), name("s"), StreamOptions::default());
    sender.send_confirmed("first").await.unwrap();
    sender.send_confirmed(noise(100_000, 1)).await.unwrap();
    assert_eq!(next(&mut receiver).await, "first");
    assert_eq!(next(&mut receiver).await, noise(100_000, 1));
    a.shutdown().await;
    let session = network.recordings().into_iter().find(|recording| recording.to == host(2)).unwrap().bytes;
    assert!(session.len() > 100_000);
    network.set_recording(false);
    tokio::time::sleep(Duration::from_secs(1)).await;
    (Recorded { network, alice, bob, session }, b)
}

/// Says what was recorded again and counts what comes back.
async fn replay(recorded: &Recorded, says: &[u8]) -> usize {
    recorded.network.set_recording(true);
    let mut stream = recorded.network.connect(host(66), host(2)).await.unwrap();
    recorded.network.set_recording(false);
    let back = stream.local_address();
    let (mut reading, mut writing) = tokio::io::split(&mut stream);
    let mut answer = Vec::new();
    // The end may be a reset, which takes with it what was not read: the recording has it.
    let (_, _) = tokio::join!(writing.write_all(says), reading.read_to_end(&mut answer));
    let recordings = recorded.network.recordings();
    recordings.iter().rfind(|recording| recording.to == back).unwrap().bytes.len()
}

#[tokio::test(start_paused = true)]
async fn the_same_node_says_nothing() {
    let (recorded, b) = record().await;
    let mut events = b.events();
    let mut receiver = b.receiver(name("s")).unwrap();
    assert_eq!(replay(&recorded, &recorded.session).await, 0);
    assert!(tokio::time::timeout(Duration::from_secs(30), receiver.recv()).await.is_err());
    assert!(tokio::time::timeout(Duration::ZERO, events.next()).await.is_err());
    assert!(b.sessions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_live_session_is_not_disturbed() {
    let (recorded, b) = record().await;
    let a = recorded.alice.start(&recorded.network, host(3), Limits::default(), &[(&recorded.bob, 2)]).await;
    let mut receiver = b.receiver(name("s")).unwrap();
    let sender = a.sender(recorded.bob.identity(), name("s"), StreamOptions::default());
    sender.send_confirmed("live").await.unwrap();
    let mut events = (a.events(), b.events());
    for _ in 0..3 {
        assert_eq!(replay(&recorded, &recorded.session).await, 0);
        sender.send_confirmed("still").await.unwrap();
    }
    assert_eq!(next(&mut receiver).await, "live");
    for _ in 0..3 {
        assert_eq!(next(&mut receiver).await, "still");
    }
    assert!(tokio::time::timeout(Duration::ZERO, events.0.next()).await.is_err());
    assert!(tokio::time::timeout(Duration::ZERO, events.1.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_restarted_node_answers_once_and_nothing_comes_of_it() {
    let (recorded, b) = record().await;
    b.shutdown().await;
    drop(b);
    let Recorded { network, alice, bob, session } = &recorded;
    let b = bob.start(network, host(2), Limits::default(), &[(alice, 1)]).await;
    let mut events = b.events();
    let mut receiver = b.receiver(name("s")).unwrap();
    // It has forgotten the counters and may answer the first packet. The answer is fresh, so what was recorded after
    // it does not open.
    let answered = replay(&recorded, session).await;
    assert!(answered > 0 && answered < 1_300, "one reply: {answered} bytes");
    assert!(tokio::time::timeout(Duration::from_secs(30), receiver.recv()).await.is_err());
    assert!(tokio::time::timeout(Duration::ZERO, events.next()).await.is_err());
    assert!(b.sessions().is_empty());

    // The one who was recorded gets through, whatever counter the replay has left behind.
    let a = alice.start(network, host(1), Limits::default(), &[(bob, 2)]).await;
    let sender = a.sender(bob.identity(), name("s"), StreamOptions::default());
    sender.send_confirmed("it is me").await.unwrap();
    assert_eq!(next(&mut receiver).await, "it is me");
}

#[tokio::test(start_paused = true)]
async fn what_the_listener_wrote_means_nothing_to_it() {
    let (recorded, b) = record().await;
    let reflected: Vec<Vec<u8>> =
        recorded.network.recordings().into_iter().map(|recording| recording.bytes).collect();
    for bytes in reflected {
        assert_eq!(replay(&recorded, &bytes).await, 0);
    }
    assert!(b.sessions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_restarted_node_that_keeps_counters_says_nothing() {
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let (alice, bob) = (Person::new(1), Person::new(2));
    let store = Store::in_memory().unwrap();
    let start = async || {
        // Counters are taken up of those who are members from the start.
        let mut members = Members::new();
        members.add(&alice.card(host(1))).unwrap();
        let builder = bob.builder().memory(&network).listen(host(2)).members(members);
        builder.store(store.clone()).spawn().await.unwrap()
    };
    let b = start().await;
    let a = alice.start(&network, host(1), Limits::default(), &[(&bob, 2)]).await;
    a.ping(bob.identity()).await.unwrap();
    a.shutdown().await;
    let session = network.recordings().into_iter().find(|recording| recording.to == host(2)).unwrap().bytes;
    network.set_recording(false);
    b.shutdown().await;
    drop(b);
    let _b = start().await;
    let recorded = Recorded { network, alice, bob, session };
    assert_eq!(replay(&recorded, &recorded.session).await, 0);
}
