//! Nodes come and go while actors speak.

use std::time::Duration;

use node::{
    ActorSendError, Address, Allow, AskError, ConnectError, Ended, Limits, MemoryNetwork, Node,
    ServiceOptions, StreamOptions,
};
use tokio::time::Instant;

use super::{PATIENCE, Sale, Till, till};
use crate::support::{Pair, Person, host, name, noise};

async fn look_up(pair: &Pair) -> Address<Till> {
    pair.bob.serve("till", Allow::Members, till).unwrap();
    pair.alice.service(pair.bob.identity(), "till").await.unwrap()
}

/// The twenty lines.
async fn story(pair: Pair) {
    let till = look_up(&pair).await;
    let (sales, mut inbox) = pair.alice.mailbox::<Sale>();
    till.send(Till::Watch(sales)).await.unwrap();
    till.send(Till::Put(7)).await.unwrap();
    till.send_confirmed(Till::Put(8)).await.unwrap();
    assert_eq!(till.ask(Till::Sum, PATIENCE).await, Ok(15));
    assert_eq!((inbox.recv().await, inbox.recv().await), (Some(Sale(7)), Some(Sale(8))));
    till.send(Till::Close).await.unwrap();
    assert_eq!(till.ended().await, Ended::Finished);
    assert_eq!(till.send(Till::Put(1)).await, Err(ActorSendError::Ended(Ended::Finished)));
}

#[tokio::test(start_paused = true)]
async fn the_twenty_lines_in_memory() {
    story(Pair::memory().await).await;
}

#[tokio::test]
async fn the_twenty_lines_over_tcp() {
    story(Pair::tcp().await).await;
}

#[tokio::test(start_paused = true)]
async fn an_address_outlives_an_idle_session() {
    let pair = Pair::memory().await;
    let till = look_up(&pair).await;
    let (sales, mut inbox) = pair.alice.mailbox::<Sale>();
    till.send(Till::Watch(sales)).await.unwrap();
    till.send(Till::Put(7)).await.unwrap();
    assert_eq!(inbox.recv().await, Some(Sale(7)));
    for round in 1..=3_u64 {
        tokio::time::sleep(Duration::from_secs(22)).await;
        assert!(pair.alice.sessions().is_empty(), "nobody used it");
        till.send(Till::Put(round)).await.unwrap();
        // The address that was given away works as well.
        assert_eq!(inbox.recv().await, Some(Sale(round)));
        assert_eq!(pair.alice.sessions().len(), 1);
    }
    assert_eq!(till.ask(Till::Sum, PATIENCE).await, Ok(13));
}

#[tokio::test(start_paused = true)]
async fn asks_that_a_restart_interrupts_have_one_outcome_each() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(20));
    let (alice, bob) = (Person::new(1), Person::new(2));
    let a = alice.start(&network, host(1), Limits::default(), &[(&bob, 2)]).await;
    let b = bob.start(&network, host(2), Limits::default(), &[(&alice, 1)]).await;
    b.serve("till", Allow::Members, till).unwrap();
    let address: Address<Till> = a.service(bob.identity(), "till").await.unwrap();
    let asks: Vec<_> = (0..200_u64)
        .map(|number| {
            let address = address.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(number)).await;
                address.ask(Till::Sum, PATIENCE).await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Killed, not shut down: nothing is said.
    network.cut(host(2).ip());
    drop(b);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let b = bob.start(&network, host(2), Limits::default(), &[(&alice, 1)]).await;
    b.serve("till", Allow::Members, till).unwrap();
    let (mut answered, mut failed) = (0, 0);
    for ask in asks {
        match tokio::time::timeout(2 * PATIENCE, ask).await.expect("an ask hangs").unwrap() {
            Ok(0) => answered += 1,
            Ok(other) => panic!("{other}"),
            Err(AskError::Lost { .. } | AskError::Ended(_) | AskError::Send(ActorSendError::Ended(_))) => {
                failed += 1
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(answered > 0 && failed > 0 && answered + failed == 200, "{answered} {failed}");
    let end = address.ended().await;
    assert!(matches!(end, Ended::Restarted | Ended::Shutdown), "{end:?}");
    let again: Address<Till> = a.service(bob.identity(), "till").await.unwrap();
    assert_eq!(again.ask(Till::Sum, PATIENCE).await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_shuts_down_lets_leave_what_its_actors_said_and_says_so() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(10));
    let pair = Pair::memory_with(&network, Limits::default()).await;
    pair.alice.serve("till", Allow::Members, till).unwrap();
    let (sales, mut inbox) = pair.bob.mailbox::<Sale>();
    let till: Address<Till> = pair.bob.service(pair.alice.identity(), "till").await.unwrap();
    till.send(Till::Watch(sales)).await.unwrap();
    let watcher = {
        let till = till.clone();
        tokio::spawn(async move { till.ended().await })
    };
    assert_eq!(till.ask(Till::Sum, PATIENCE).await, Ok(0));
    let own: Address<Till> = {
        let found = pair.alice.service(pair.alice.identity(), "till").await;
        found.unwrap()
    };
    for amount in 0..1_000 {
        own.send(Till::Put(amount)).await.unwrap();
    }
    assert_eq!(own.ask(Till::Sum, PATIENCE).await, Ok(499_500));
    pair.alice.shutdown().await;
    for amount in 0..1_000 {
        assert_eq!(inbox.recv().await, Some(Sale(amount)));
    }
    let start = Instant::now();
    assert_eq!(watcher.await.unwrap(), Ended::Shutdown);
    assert_eq!(till.send(Till::Put(1)).await, Err(ActorSendError::Ended(Ended::Shutdown)));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_hears_of_a_shutdown_while_it_still_waits_for_others() {
    let mut limits = Limits::default();
    limits.stream_window_bytes = 256 << 10;
    let pair = Pair::memory_with(&MemoryNetwork::new(), limits.clone()).await;
    let till = look_up(&pair).await;
    let (sales, _sold) = pair.bob.mailbox::<Sale>();
    let (desk, mut at_desk) = pair.alice.mailbox::<Till>();
    pair.alice
        .serve("desk", Allow::Members, |mut inbox| async move {
            while let Some(message) = inbox.recv().await {
                desk.send(message).await.unwrap();
            }
        })
        .unwrap();
    let desk: Address<Till> = pair.bob.service(pair.alice.identity(), "desk").await.unwrap();
    desk.send(Till::Watch(sales)).await.unwrap();
    let Some(Till::Watch(sales)) = at_desk.recv().await else { panic!("no address") };
    // Nobody takes these, so that not all of them leave.
    let _receiver = pair.alice.receiver(name("files")).unwrap();
    let files = pair.bob.sender(pair.alice.identity(), name("files"), StreamOptions::default());
    tokio::spawn(async move {
        for seed in 0..4 {
            files.send(noise(100_000, seed)).await.ok();
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    let hearing = async {
        assert_eq!((till.ended().await, sales.ended().await), (Ended::Shutdown, Ended::Shutdown));
        assert_eq!((start.elapsed(), pair.alice.sessions().len()), (Duration::ZERO, 1));
        assert_eq!(till.send(Till::Put(1)).await, Err(ActorSendError::Ended(Ended::Shutdown)));
    };
    tokio::join!(pair.bob.shutdown(), hearing);
    assert!(start.elapsed() >= limits.flush_timeout);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_removed_in_the_middle_is_told_by_type() {
    let pair = Pair::memory().await;
    let till = look_up(&pair).await;
    let asking = {
        let till = till.clone();
        tokio::spawn(async move { till.ask(Till::Keep, Duration::from_secs(60)).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    pair.bob.remove_member(&pair.alice.identity()).unwrap();
    assert_eq!(asking.await.unwrap(), Err(AskError::Lost { maybe_delivered: true }));
    let error = till.send(Till::Put(1)).await.unwrap_err();
    let ActorSendError::Unreachable(why) = &error else { panic!("{error:?}") };
    assert_eq!(why.cause().downcast_ref(), Some(&ConnectError::NoAnswer));
}

#[tokio::test(start_paused = true)]
async fn a_panicking_actor_takes_nothing_else_along() {
    let pair = Pair::memory().await;
    pair.bob.serve("other", Allow::Members, till).unwrap();
    let till = look_up(&pair).await;
    let other: Address<Till> = pair.alice.service(pair.bob.identity(), "other").await.unwrap();
    let watching = {
        let till = till.clone();
        tokio::spawn(async move { till.ended().await })
    };
    let asking = {
        let till = till.clone();
        tokio::spawn(async move { till.ask(Till::Keep, Duration::from_secs(60)).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    till.send(Till::Panic).await.unwrap();
    assert_eq!(watching.await.unwrap(), Ended::Panicked);
    assert_eq!(asking.await.unwrap(), Err(AskError::NoReply));
    assert_eq!(other.ask(Till::Sum, PATIENCE).await, Ok(0));
    assert_eq!(till.send(Till::Put(1)).await, Err(ActorSendError::Ended(Ended::Panicked)));
    // Its name is free again.
    pair.bob.serve_with("till", Allow::Members, ServiceOptions::default(), super::till).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_monitor_keeps_the_session_and_tells_of_a_process_that_vanished() {
    let network = MemoryNetwork::new();
    let pair = Pair::memory_with(&network, Limits::default()).await;
    let till = look_up(&pair).await;
    let watching = tokio::spawn(async move { till.ended().await });
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(pair.alice.sessions().len(), 1);
    // A cut alone is mended.
    network.cut(host(2).ip());
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!watching.is_finished());
    network.set_reachable(host(2).ip(), false);
    let start = Instant::now();
    let ended = tokio::time::timeout(Duration::from_secs(60), watching).await.unwrap().unwrap();
    assert!(matches!(ended, Ended::Unreachable(_)), "{ended:?}");
    assert!(ended.is_retryable() && start.elapsed() < Duration::from_secs(45));
}

#[tokio::test(start_paused = true)]
async fn sending_to_a_member_that_is_offline_says_why() {
    let network = MemoryNetwork::new();
    let pair = Pair::memory_with(&network, Limits::default()).await;
    let till = look_up(&pair).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    network.set_reachable(host(2).ip(), false);
    let error = till.send(Till::Put(1)).await.unwrap_err();
    let ActorSendError::Unreachable(why) = &error else { panic!("{error:?}") };
    assert_eq!(why.cause().downcast_ref(), Some(&ConnectError::TimedOut));
    assert!(error.is_retryable() && std::error::Error::source(&error).is_some());
    let asked = till.ask(Till::Sum, Duration::from_secs(60)).await.unwrap_err();
    assert!(matches!(asked, AskError::Send(ActorSendError::Unreachable(_))) && !asked.maybe_delivered());
    network.set_reachable(host(2).ip(), true);
    tokio::time::sleep(Duration::from_secs(30)).await;
    till.send_confirmed(Till::Put(2)).await.unwrap();
    assert_eq!(till.ask(Till::Sum, PATIENCE).await, Ok(2));
}

/// Three people who all know each other, or all but the first and the last.
async fn three(all: bool) -> [Node; 3] {
    let network = MemoryNetwork::new();
    let (alice, bob, carol) = (Person::new(1), Person::new(2), Person::new(3));
    let limits = Limits::default();
    let (mut of_alice, mut of_carol) = (vec![(&bob, 2)], vec![(&bob, 2)]);
    if all {
        of_alice.push((&carol, 3));
        of_carol.push((&alice, 1));
    }
    [
        alice.start(&network, host(1), limits.clone(), &of_alice).await,
        bob.start(&network, host(2), limits.clone(), &[(&alice, 1), (&carol, 3)]).await,
        carol.start(&network, host(3), limits, &of_carol).await,
    ]
}

#[tokio::test(start_paused = true)]
async fn an_address_of_a_third_node_is_spoken_with_directly_or_through_the_introducer() {
    for all in [true, false] {
        let [alice, bob, carol] = three(all).await;
        bob.serve("till", Allow::Members, till).unwrap();
        let at_alice: Address<Till> = alice.service(bob.identity(), "till").await.unwrap();
        let at_carol: Address<Till> = carol.service(bob.identity(), "till").await.unwrap();
        // Alice's watcher hears of what Carol does, and Carol's of what Alice does: through Bob's till.
        let (sales, mut alices) = alice.mailbox::<Sale>();
        at_alice.send(Till::Watch(sales)).await.unwrap();
        assert_eq!(at_alice.ask(Till::Sum, PATIENCE).await, Ok(0));
        at_carol.send(Till::Put(3)).await.unwrap();
        assert_eq!(alices.recv().await, Some(Sale(3)));
        // Carol's actor, given to Alice by Bob.
        let own = carol.spawn_actor(till);
        let (introductions, mut introduced) = alice.mailbox::<Introduction>();
        bob.serve("host", Allow::Members, introduce).unwrap();
        let host_of_alice: Address<Guest> = alice.service(bob.identity(), "host").await.unwrap();
        host_of_alice.send(Guest::Wants(introductions)).await.unwrap();
        assert_eq!(host_of_alice.ask(Guest::Ready, PATIENCE).await, Ok(()));
        let host_of_carol: Address<Guest> = carol.service(bob.identity(), "host").await.unwrap();
        host_of_carol.send(Guest::Is(own)).await.unwrap();
        let Introduction(carols) = introduced.recv().await.unwrap();
        match carols.route() {
            node::Route::Direct(node) => assert!(all && node.member == *carol.identity().as_bytes()),
            node::Route::Through(node) => assert!(!all && node.member == *bob.identity().as_bytes()),
            other => panic!("{other:?}"),
        }
        carols.send(Till::Put(41)).await.unwrap();
        carols.send_confirmed(Till::Put(1)).await.unwrap();
        assert_eq!(carols.ask(Till::Sum, PATIENCE).await, Ok(42));
        carols.send(Till::Close).await.unwrap();
        if all {
            assert_eq!(carols.ended().await, Ended::Finished);
        }
        assert_eq!(alice.sessions().len(), if all { 2 } else { 1 });
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
enum Guest {
    Wants(Address<Introduction>),
    Ready(node::ReplyTo<()>),
    Is(Address<Till>),
}

impl node::Message for Guest {
    const SCHEMA: node::Schema = node::Schema::new("tests.guest/1");
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Introduction(Address<Till>);

impl node::Message for Introduction {
    const SCHEMA: node::Schema = node::Schema::new("tests.introduction/1");
}

async fn introduce(mut inbox: node::Inbox<Guest>) {
    let mut curious = Vec::new();
    while let Some(message) = inbox.recv().await {
        match message {
            Guest::Wants(address) => curious.push(address),
            Guest::Ready(reply) => reply.send(()),
            Guest::Is(address) => {
                for one in &curious {
                    one.send(Introduction(address.clone())).await.unwrap();
                }
            }
        }
    }
}
