//! A future that is dropped means: not sent, or as if not waited for. The session goes on.

use std::pin::pin;
use std::time::Duration;

use node::{BodyError, ConnectError, Limits, MemoryNetwork, SendError};

use crate::support::{Pair, host, next, noise};

#[tokio::test(start_paused = true)]
async fn a_waiting_message_that_is_dropped_is_not_sent() {
    let mut limits = Limits::default();
    limits.stream_window_bytes = 256 << 10;
    let pair = Pair::memory_with(&MemoryNetwork::new(), limits).await;
    let (sender, mut receiver) = pair.stream("s");
    let mut accepted = 0;
    loop {
        let message = noise(10_000, accepted);
        let mut send = pin!(sender.send(message));
        if tokio::time::timeout(Duration::from_secs(1), &mut send).await.is_err() {
            break;
        }
        accepted += 1;
    }
    for _ in 0..100 {
        let send = sender.send_confirmed(noise(10_000, 0));
        assert!(tokio::time::timeout(Duration::from_millis(10), send).await.is_err());
    }
    let last = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send_confirmed("last").await }
    });
    for index in 0..accepted {
        assert_eq!(next(&mut receiver).await, noise(10_000, index));
    }
    assert_eq!(next(&mut receiver).await, "last");
    last.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_large_message_that_is_dropped_is_given_up_at_both_ends() {
    let pair = Pair::memory().await;
    let (sender, mut receiver) = pair.stream("files");
    let mut outgoing = sender.begin(1 << 20).await.unwrap();
    outgoing.write(noise(300_000, 1)).await.unwrap();
    let mut body = receiver.recv().await.unwrap().body;
    let mut received = body.next().await.unwrap().unwrap().len();
    drop(outgoing);
    let end = loop {
        match body.next().await.unwrap() {
            Ok(piece) => received += piece.len(),
            Err(end) => break end,
        }
    };
    assert_eq!(end, BodyError::Aborted);
    assert!(received <= 300_000);
    assert!(body.next().await.is_none(), "an end is told once");
    sender.send("goes on").await.unwrap();
    assert_eq!(next(&mut receiver).await, "goes on");
    assert_eq!(pair.alice.sessions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_large_message_sent_as_a_whole_can_be_dropped_too() {
    let pair = Pair::memory().await;
    let (sender, mut receiver) = pair.stream("s");
    let send = sender.send_confirmed(noise(20 << 20, 1));
    assert!(tokio::time::timeout(Duration::from_secs(1), send).await.is_err(), "nobody takes it");
    let mut body = receiver.recv().await.unwrap().body;
    while let Some(Ok(_)) = body.next().await {}
    sender.send("goes on").await.unwrap();
    assert_eq!(next(&mut receiver).await, "goes on");
}

#[tokio::test(start_paused = true)]
async fn dropping_who_waits_for_a_dial_leaves_the_others_waiting() {
    let network = MemoryNetwork::new();
    let pair = Pair::memory_with(&network, Limits::default()).await;
    network.set_reachable(host(2).ip(), false);
    let bob = pair.bob.identity();
    let mut others = pin!(pair.alice.connect(bob));
    assert!(tokio::time::timeout(Duration::from_millis(10), &mut others).await.is_err());
    for _ in 0..10 {
        let dropped = pair.alice.connect(bob);
        assert!(tokio::time::timeout(Duration::from_millis(10), dropped).await.is_err());
    }
    let start = tokio::time::Instant::now();
    let error = others.await.unwrap_err();
    assert_eq!(error, ConnectError::TimedOut);
    assert!(start.elapsed() <= Duration::from_secs(10));
    network.set_reachable(host(2).ip(), true);
    pair.alice.connect(bob).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waits_for_a_dial_can_be_dropped() {
    let network = MemoryNetwork::new();
    let pair = Pair::memory_with(&network, Limits::default()).await;
    let (sender, mut receiver) = pair.stream("s");
    network.set_reachable(host(2).ip(), false);
    assert!(tokio::time::timeout(Duration::from_secs(1), sender.send("dropped")).await.is_err());
    let error = sender.send("fails").await.unwrap_err();
    assert!(matches!(error, SendError::Connect(ConnectError::TimedOut)), "{error:?}");
    assert!(error.is_retryable() && !error.maybe_delivered());
    network.set_reachable(host(2).ip(), true);
    sender.send("arrives").await.unwrap();
    assert_eq!(next(&mut receiver).await, "arrives");
}
