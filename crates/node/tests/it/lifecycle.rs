//! Sessions and nodes begin and end.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use node::{
    CloseReason, ConnectError, EndCause, Event, Limits, MemoryNetwork, Node, Rate, SendError, StreamOptions,
};
use tokio::time::Instant;

use crate::support::{Pair, Person, host, name, next};

#[tokio::test(start_paused = true)]
async fn an_idle_session_is_closed_by_the_one_who_was_dialed_and_comes_back_by_itself() {
    let pair = Pair::memory().await;
    let (sender, mut receiver) = pair.stream("s");
    let mut events = pair.alice.events();
    sender.send("one").await.unwrap();
    assert_eq!(next(&mut receiver).await, "one");
    assert!(matches!(events.next().await, Some(Event::PeerUp { .. })));
    let start = Instant::now();
    let down = loop {
        if let Event::PeerDown { cause, .. } = events.next().await.unwrap() {
            break cause;
        }
    };
    assert_eq!(down, EndCause::ClosedByPeer(CloseReason::Idle));
    let idle = start.elapsed();
    assert!(idle >= Duration::from_secs(20) && idle < Duration::from_secs(21), "{idle:?}");
    assert!(pair.alice.sessions().is_empty());
    sender.send_confirmed("two").await.unwrap();
    assert_eq!(next(&mut receiver).await, "two");
    assert_eq!(events.missed(), 0);
}

#[tokio::test(start_paused = true)]
async fn use_keeps_a_session_and_so_does_waiting() {
    let mut limits = Limits::default();
    limits.stream_window_bytes = 256 << 10;
    let pair = Pair::memory_with(&MemoryNetwork::new(), limits).await;
    let (sender, mut receiver) = pair.stream("s");
    for _ in 0..10 {
        sender.send("still there").await.unwrap();
        next(&mut receiver).await;
        tokio::time::sleep(Duration::from_secs(15)).await;
    }
    let mut events = pair.alice.events();
    // One message is under way all the time: nobody takes it.
    let sending = tokio::spawn(async move { sender.send_confirmed(vec![0; 1 << 20]).await });
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(pair.alice.sessions().len(), 1);
    assert_eq!(next(&mut receiver).await.len(), 1 << 20);
    sending.await.unwrap().unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(1), events.next()).await.is_err(), "it was one session");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_accepted_and_waits_for_its_reader_keeps_the_session() {
    let mut limits = Limits::default();
    limits.stream_window_bytes = 256 << 10;
    let pair = Pair::memory_with(&MemoryNetwork::new(), limits).await;
    let (sender, mut receiver) = pair.stream("s");
    // Nobody waits for its outcome.
    sender.send(vec![7; 1 << 20]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(pair.alice.sessions().len(), 1);
    assert_eq!(next(&mut receiver).await.len(), 1 << 20);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(pair.alice.sessions().is_empty(), "then it is idle");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanished_is_given_up_when_it_owes_an_answer() {
    let network = MemoryNetwork::new();
    let pair = Pair::memory_with(&network, Limits::default()).await;
    let (sender, _receiver) = pair.stream("s");
    sender.send_confirmed("there").await.unwrap();
    network.set_reachable(host(2).ip(), false);
    let start = Instant::now();
    let error = sender.send_confirmed("gone").await.unwrap_err();
    assert_eq!(error, SendError::Lost { maybe_delivered: true });
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(15) && waited < Duration::from_secs(16), "{waited:?}");
    assert!(pair.alice.sessions().is_empty());
    assert!(!pair.alice.why(&pair.bob.identity()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cut_ends_what_was_under_way_and_the_next_message_redials() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(10));
    let pair = Pair::memory_with(&network, Limits::default()).await;
    let (sender, mut receiver) = pair.stream("s");
    sender.send_confirmed("one").await.unwrap();
    let waiting = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send_confirmed("two").await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(network.cut(host(2).ip()), 1);
    assert_eq!(waiting.await.unwrap(), Err(SendError::Lost { maybe_delivered: true }));
    sender.send_confirmed("three").await.unwrap();
    assert_eq!(next(&mut receiver).await, "one");
    assert_eq!(next(&mut receiver).await, "three");
}

#[tokio::test(start_paused = true)]
async fn simultaneous_dials_end_in_one_session_and_lose_nothing() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(20));
    let pair = Pair::memory_with(&network, Limits::default()).await;
    let (there, mut at_bob) = pair.stream("there");
    let back = pair.bob.sender(pair.alice.identity(), name("back"), StreamOptions::default());
    let mut at_alice = pair.alice.receiver(name("back")).unwrap();
    let (one, two) = tokio::join!(there.send_confirmed("to bob"), back.send_confirmed("to alice"));
    one.unwrap();
    two.unwrap();
    assert_eq!(next(&mut at_bob).await, "to bob");
    assert_eq!(next(&mut at_alice).await, "to alice");
    assert_eq!((pair.alice.sessions().len(), pair.bob.sessions().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_restarted_peer_is_noticed() {
    let network = MemoryNetwork::new();
    let (alice, bob) = (Person::new(1), Person::new(2));
    let a = alice.start(&network, host(1), Limits::default(), &[(&bob, 2)]).await;
    let b = bob.start(&network, host(2), Limits::default(), &[(&alice, 1)]).await;
    a.connect(bob.identity()).await.unwrap();
    b.shutdown().await;
    drop(b);
    let mut events = a.events();
    let b = bob.start(&network, host(2), Limits::default(), &[(&alice, 1)]).await;
    a.connect(bob.identity()).await.unwrap();
    let restarted = async {
        loop {
            if let Event::PeerRestarted { peer, .. } = events.next().await.unwrap() {
                break peer.identity;
            }
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(1), restarted).await.unwrap(), bob.identity());
    drop(b);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_flushes_what_was_accepted_and_says_farewell() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(5));
    let pair = Pair::memory_with(&network, Limits::default()).await;
    let (sender, mut receiver) = pair.stream("s");
    let mut events = pair.bob.events();
    for index in 0..1_000_u32 {
        sender.send(index.to_le_bytes().to_vec()).await.unwrap();
    }
    pair.alice.shutdown().await;
    assert!(matches!(sender.send("late").await, Err(SendError::Connect(ConnectError::ShuttingDown))));
    for index in 0..1_000_u32 {
        assert_eq!(next(&mut receiver).await, index.to_le_bytes().to_vec());
    }
    let cause = loop {
        if let Event::PeerDown { cause, .. } = events.next().await.unwrap() {
            break cause;
        }
    };
    assert_eq!(cause, EndCause::ClosedByPeer(CloseReason::Shutdown));
    pair.alice.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_node_says_farewell_and_what_it_confirmed_can_be_taken() {
    let pair = Pair::memory().await;
    let (sender, mut receiver) = pair.stream("s");
    let mut events = pair.alice.events();
    for index in 0..100_u8 {
        sender.send_confirmed(vec![index]).await.unwrap();
    }
    let Pair { alice, bob } = pair;
    drop(bob);
    let cause = loop {
        if let Event::PeerDown { cause, .. } = events.next().await.unwrap() {
            break cause;
        }
    };
    assert_eq!(cause, EndCause::ClosedByPeer(CloseReason::Shutdown));
    for index in 0..100_u8 {
        assert_eq!(next(&mut receiver).await, vec![index]);
    }
    assert!(receiver.recv().await.is_none());
    drop(alice);
}

#[test]
fn a_node_may_outlive_its_runtime_and_be_dropped_anywhere() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (pair, sender) = runtime.block_on(async {
        let pair = Pair::tcp().await;
        let (sender, receiver) = pair.stream("s");
        sender.send("hello").await.unwrap();
        drop(receiver);
        (pair, sender)
    });
    runtime.shutdown_background();
    drop(pair);
    drop(sender);
}

#[tokio::test(start_paused = true)]
async fn a_removed_member_is_told_on_the_live_session_and_met_with_silence_later() {
    let pair = Pair::memory().await;
    let (sender, mut receiver) = pair.stream("s");
    sender.send_confirmed("while a member").await.unwrap();
    let mut events = pair.alice.events();
    assert!(pair.bob.remove_member(&pair.alice.identity()).is_some());
    let cause = loop {
        if let Event::PeerDown { cause, .. } = events.next().await.unwrap() {
            break cause;
        }
    };
    assert_eq!(cause, EndCause::ClosedByPeer(CloseReason::Removed));
    let error = sender.send_confirmed("afterwards").await.unwrap_err();
    assert!(matches!(error, SendError::Connect(ConnectError::NoAnswer)), "{error:?}");
    assert!(!ConnectError::NoAnswer.possible_causes().is_empty());
    assert_eq!(next(&mut receiver).await, "while a member");
    let nothing = tokio::time::timeout(Duration::from_secs(1), receiver.recv()).await;
    assert!(nothing.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_dialed_says_why() {
    let network = MemoryNetwork::new();
    let (alice, bob, carol) = (Person::new(1), Person::new(2), Person::new(3));
    let a = alice.start(&network, host(1), Limits::default(), &[(&bob, 2)]).await;
    assert_eq!(a.connect(carol.identity()).await, Err(ConnectError::UnknownMember));
    assert_eq!(a.connect(bob.identity()).await, Err(ConnectError::Refused), "nobody listens there");
    assert!(!a.why(&bob.identity()).is_empty());
    assert!(Node::builder().listen(host(9)).memory(&network).spawn().await.is_err(), "without a device");
    let taken = carol.builder().memory(&network).listen(host(1)).spawn().await;
    assert!(matches!(taken, Err(node::StartError::Listen { .. })));
}

/// Polls, so that it sees the end of a session while the task of that session is still about it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_takes_nothing_more_once_its_end_is_told() {
    let often = Rate { burst: 10_000, interval: Duration::from_micros(1) };
    let mut limits = Limits::default();
    [limits.host_rate, limits.network_rate, limits.member_rate] = [often; 3];
    let pair = Pair::tcp_with(limits).await;
    let (sender, mut receiver) = pair.stream("s");
    let mut events = pair.alice.events();
    let mut context = Context::from_waker(Waker::noop());
    for round in 0..500 {
        // Whoever has closed a session may dial again at once.
        pair.bob.ping(pair.alice.identity()).await.unwrap();
        sender.send_confirmed("before").await.unwrap();
        assert_eq!(next(&mut receiver).await, "before");
        pair.bob.disconnect(pair.alice.identity());
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "round {round}: the end is not told");
            match std::pin::pin!(events.next()).poll(&mut context) {
                Poll::Ready(Some(Event::PeerDown { .. })) => break,
                Poll::Ready(None) => panic!("the node is gone"),
                _ => std::hint::spin_loop(),
            }
        }
        let after = sender.try_send("after");
        assert!(matches!(after, Err(SendError::Full)), "round {round}: it would be lost: {after:?}");
    }
}
