//! A receiver that takes nothing stops its sender, and nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use node::{Limits, MemoryNetwork};

use crate::support::{Pair, next, noise};

fn small_windows() -> Limits {
    let mut limits = Limits::default();
    limits.session_window_bytes = 1 << 20;
    limits.stream_window_bytes = 256 << 10;
    limits
}

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_stops_its_stream_and_no_other() {
    let pair = Pair::memory_with(&MemoryNetwork::new(), small_windows()).await;
    let (slow, mut at_slow) = pair.stream("slow");
    let (other, mut at_other) = pair.stream("other");
    let accepted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&accepted);
    let sending = tokio::spawn(async move {
        for index in 0..2_000 {
            slow.send(noise(1_000, index)).await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = accepted.load(Ordering::Relaxed);
    assert!(before < 256, "the window holds {before} messages of 1,000 bytes");
    for index in 0..500 {
        other.send(noise(1_000, index)).await.unwrap();
        assert_eq!(next(&mut at_other).await, noise(1_000, index));
    }
    assert_eq!(accepted.load(Ordering::Relaxed), before);
    assert_eq!(pair.alice.sessions().len(), 1, "a slow receiver is no reason to give a session up");
    let start = tokio::time::Instant::now();
    for index in 0..2_000 {
        assert_eq!(next(&mut at_slow).await, noise(1_000, index));
    }
    sending.await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "credit goes back at once, not with the next sign of life"
    );
}

#[tokio::test(start_paused = true)]
async fn a_large_message_waits_for_its_reader() {
    let pair = Pair::memory_with(&MemoryNetwork::new(), small_windows()).await;
    let (sender, mut receiver) = pair.stream("files");
    let total = 64 << 20;
    let written = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&written);
    let sending = tokio::spawn(async move {
        let mut outgoing = sender.begin(total).await.unwrap();
        let piece = noise(64 << 10, 1);
        while outgoing.unwritten_bytes() > 0 {
            outgoing.write(piece.clone()).await.unwrap();
            count.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        outgoing.finish().await.unwrap();
    });
    let mut body = receiver.recv().await.unwrap().body;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let ahead = written.load(Ordering::Relaxed);
    assert!(ahead < 512 << 10, "{ahead} bytes were taken for a reader that takes nothing");
    let mut received = 0;
    while let Some(piece) = body.next().await {
        received += piece.unwrap().len() as u64;
    }
    assert_eq!(received, total);
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_gives_its_credit_back() {
    let pair = Pair::memory_with(&MemoryNetwork::new(), small_windows()).await;
    // More than all windows together, dropped in every way there is.
    for round in 0..30 {
        let (sender, mut receiver) = pair.stream("s");
        for index in 0..100 {
            sender.send(noise(1_000, index)).await.unwrap();
        }
        let mut outgoing = sender.begin(1 << 20).await.unwrap();
        outgoing.write(noise(100_000, 1)).await.unwrap();
        for _ in 0..round {
            drop(receiver.recv().await);
        }
        match round % 3 {
            0 => drop(receiver),
            1 => drop((outgoing, receiver)),
            _ => {
                while receiver.recv().await.is_some_and(|incoming| incoming.body.len() < 1 << 20) {}
                drop(outgoing);
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (sender, mut receiver) = pair.stream("another");
    for index in 0..2_000 {
        sender.send(noise(1_000, index)).await.unwrap();
        assert_eq!(next(&mut receiver).await, noise(1_000, index));
    }
    assert_eq!(pair.alice.sessions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn empty_messages_in_pieces_wait_within_the_window_too() {
    let pair = Pair::memory_with(&MemoryNetwork::new(), small_windows()).await;
    let (sender, _unread) = pair.stream("files");
    let taken = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&taken);
    let sending = tokio::spawn(async move {
        while sender.begin(0).await.unwrap().finish().await.is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
            assert!(count.load(Ordering::Relaxed) <= (256 << 10) / 64, "an unread inbox grows without bound");
        }
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!sending.is_finished());
    assert!(taken.load(Ordering::Relaxed) > 1_000);
    sending.abort();
}
