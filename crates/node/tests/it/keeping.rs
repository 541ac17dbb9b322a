//! What a node keeps in its store, and what it does not wait for.

use std::time::Duration;

use endpoint::PeerId;
use node::store::{Batch, Store, StoreError, Table};
use node::{
    Cause, DialCause, Event, Explained, HandshakeCause, Limits, MemoryNetwork, Node, StartError,
    StreamOptions,
};
use tokio::io::AsyncWriteExt;

use crate::disk::{Disk, Fault};
use crate::support::{Person, host, name, next};

/// Longer than anything that is to be kept stays unwritten.
const WHILE: Duration = Duration::from_secs(20);

async fn start(
    person: &Person,
    network: &MemoryNetwork,
    number: u8,
    store: &Store,
    other: (&Person, u8),
) -> Node {
    let builder = person.builder().memory(network).listen(host(number)).store(store.clone());
    let node = builder.limits(Limits::default()).spawn().await.unwrap();
    node.add_member(&other.0.card(host(other.1))).unwrap();
    node
}

fn peer(person: &Person) -> PeerId {
    PeerId { identity: person.identity(), device: person.key().key() }
}

fn confirmed(store: &Store) -> Vec<(PeerId, u64)> {
    store.snapshot().confirmed_counters().unwrap().collect::<Result<_, _>>().unwrap()
}

/// Alice dials Bob with a counter that she has reserved, and Bob keeps what she confirms.
#[tokio::test(start_paused = true)]
async fn counters_are_reserved_by_one_and_kept_by_the_other() {
    let network = MemoryNetwork::new();
    let (alice, bob) = (Person::new(1), Person::new(2));
    let stores = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
    let a = start(&alice, &network, 1, &stores.0, (&bob, 2)).await;
    let b = start(&bob, &network, 2, &stores.1, (&alice, 1)).await;
    a.connect(bob.identity()).await.unwrap();
    let reserved = stores.0.snapshot().reserved_counter(&peer(&alice).device).unwrap();
    a.ping(bob.identity()).await.unwrap();
    tokio::time::sleep(WHILE).await;
    let kept = confirmed(&stores.1);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].0, peer(&alice));
    assert!(kept[0].1 <= reserved, "{} was used, {reserved} reserved", kept[0].1);
    assert_eq!(confirmed(&stores.0), vec![]);
    let found = |store: &Store, whom| store.snapshot().addresses(&peer(whom).device).unwrap();
    assert_eq!(found(&stores.0, &bob), [host(2).to_string().parse().unwrap()], "where bob answered");
    assert_eq!(found(&stores.1, &alice), [], "bob has found nobody");
    assert_eq!(a.store().unwrap().snapshot().reserved_counter(&peer(&alice).device).unwrap(), reserved);
    a.shutdown().await;
    b.shutdown().await;

    // A new process goes on after what may have been used, and gets through.
    let a = start(&alice, &network, 1, &stores.0, (&bob, 2)).await;
    let b = start(&bob, &network, 2, &stores.1, (&alice, 1)).await;
    a.connect(bob.identity()).await.unwrap();
    a.ping(bob.identity()).await.unwrap();
    b.shutdown().await;
    let kept = confirmed(&stores.1);
    assert_eq!(kept.len(), 1);
    assert!(kept[0].1 > reserved, "{} after {reserved}", kept[0].1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_ends_keeps_what_just_happened() {
    let network = MemoryNetwork::new();
    let (alice, bob) = (Person::new(1), Person::new(2));
    let stores = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
    let a = start(&alice, &network, 1, &stores.0, (&bob, 2)).await;
    let b = start(&bob, &network, 2, &stores.1, (&alice, 1)).await;
    let mut events = b.events();
    // The first confirmation is written at once; the others wait for their turn.
    let mut last = 0;
    for _ in 0..3 {
        a.ping(bob.identity()).await.unwrap();
        last = loop {
            if let Some(Event::CounterConfirmed { counter, .. }) = events.next().await {
                break counter;
            }
        };
        a.disconnect(bob.identity());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    b.shutdown().await;
    assert_eq!(confirmed(&stores.1), vec![(peer(&alice), last)]);
}

#[tokio::test(start_paused = true)]
async fn what_went_wrong_is_kept_in_the_words_of_the_program() {
    let network = MemoryNetwork::new();
    let (alice, bob) = (Person::new(1), Person::new(2));
    let store = Store::in_memory().unwrap();
    for run in 1..=3 {
        let builder = alice.builder().memory(&network).listen(host(1)).store(store.clone());
        let builder = if run < 3 {
            builder
        } else {
            builder
                .explain_causes(|cause| Explained { what: format!("alas: {cause}"), advice: "wait".into() })
        };
        let a = builder.spawn().await.unwrap();
        a.add_member(&bob.card(host(2))).unwrap();
        // Nobody is there.
        a.connect(bob.identity()).await.unwrap_err();
        let noted = a.why(&bob.identity()).len();
        assert!(noted > 0);
        tokio::time::sleep(WHILE).await;
        let kept = store.snapshot().causes(Some(&bob.identity())).unwrap();
        assert_eq!(kept.len(), run * noted, "of this process and those before");
        assert_eq!(kept.last().unwrap().what.starts_with("alas: "), run == 3);
        assert_eq!(kept.last().unwrap().advice.is_empty(), run != 3);
        a.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn strangers_do_not_keep_the_disk_busy() {
    let network = MemoryNetwork::new();
    let (alice, bob) = (Person::new(1), Person::new(2));
    let disk = Disk::new(1);
    let store = disk.store().unwrap();
    let b = start(&bob, &network, 2, &store, (&alice, 1)).await;
    let before = disk.operations();
    for number in 0..50 {
        let mut stream = network.connect(host(66), host(2)).await.unwrap();
        stream.write_all(&[number; 500]).await.unwrap();
    }
    tokio::time::sleep(WHILE).await;
    assert!(!b.stranger_causes().is_empty());
    assert_eq!(disk.operations(), before);
    b.shutdown().await;
    assert!(!store.snapshot().causes(None).unwrap().is_empty(), "written at the end");
}

#[tokio::test]
async fn ten_thousand_messages_touch_no_database() {
    let network = MemoryNetwork::new();
    let (alice, bob) = (Person::new(1), Person::new(2));
    let disks = (Disk::new(1), Disk::new(2));
    let stores = (disks.0.store().unwrap(), disks.1.store().unwrap());
    let a = start(&alice, &network, 1, &stores.0, (&bob, 2)).await;
    let b = start(&bob, &network, 2, &stores.1, (&alice, 1)).await;
    let mut receiver = b.receiver(name("s")).unwrap();
    let sender = a.sender(bob.identity(), name("s"), StreamOptions::default());
    sender.send_confirmed("first").await.unwrap();
    assert_eq!(next(&mut receiver).await, "first");
    // The counter is kept by then, and the database read no more.
    let quiet = async |before: u64| {
        tokio::time::sleep(Duration::from_millis(500)).await;
        disks.1.operations() == before
    };
    while !quiet(disks.1.operations()).await {}
    let before = (disks.0.operations(), disks.1.operations());
    let sending = tokio::spawn(async move {
        for number in 0..10_000_u32 {
            sender.send(number.to_be_bytes().to_vec()).await.unwrap();
        }
        sender
    });
    for number in 0..10_000_u32 {
        assert_eq!(next(&mut receiver).await, number.to_be_bytes().to_vec());
    }
    drop(sending.await.unwrap());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((disks.0.operations(), disks.1.operations()), before);
}

/// A first packet needs a counter that is reserved; a disk without room is no reason to use one that is not.
#[tokio::test(start_paused = true)]
async fn a_full_disk_fails_the_dial_that_needs_it_and_nothing_else() {
    let network = MemoryNetwork::new();
    let (alice, bob) = (Person::new(1), Person::new(2));
    let disk = Disk::new(1);
    let stores = (disk.store().unwrap(), Store::in_memory().unwrap());
    let a = start(&alice, &network, 1, &stores.0, (&bob, 2)).await;
    let _b = start(&bob, &network, 2, &stores.1, (&alice, 1)).await;
    disk.set_fault(Some(Fault::Full));
    a.connect(bob.identity()).await.unwrap_err();
    assert!(a.why(&bob.identity()).iter().any(|noted| matches!(
        noted.cause,
        Cause::Dial { cause: DialCause::Local, .. } | Cause::Handshake { cause: HandshakeCause::Local, .. }
    )));
    assert_eq!(stores.0.snapshot().reserved_counter(&peer(&alice).device).unwrap(), 0);
    disk.set_fault(None);
    tokio::time::sleep(WHILE).await;
    a.connect(bob.identity()).await.unwrap();
    a.ping(bob.identity()).await.unwrap();
    // What could not be written then is written now.
    tokio::time::sleep(WHILE).await;
    assert!(!stores.0.snapshot().causes(Some(&bob.identity())).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_keeps_a_node_from_starting() {
    let store = Store::in_memory().unwrap();
    let mut batch = Batch::new();
    batch.put(Table::Confirmed, b"short", &[1; 9]);
    store.commit(batch).await.unwrap();
    let started = Person::new(1).builder().store(store).spawn().await;
    let Err(StartError::Store(error)) = started else { panic!("{started:?}") };
    assert!(matches!(error, StoreError::Unreadable { table: Table::Confirmed }));
}
