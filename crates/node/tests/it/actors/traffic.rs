//! Large and small, in order, in both directions, and to the end.

use std::time::Duration;

use node::{ActorSendError, Allow, AskError, Inbox, Limits, MemoryNetwork, Message, ReplyTo, Schema};
use serde::{Deserialize, Serialize};

use super::{PATIENCE, Till, till};
use crate::support::{Pair, noise};

#[derive(Serialize, Deserialize)]
enum Store {
    Keep(Vec<u8>),
    Count(ReplyTo<u64>),
    Give(usize, ReplyTo<Vec<u8>>),
}

impl Message for Store {
    const SCHEMA: Schema = Schema::new("tests.store/1");
}

async fn store(mut inbox: Inbox<Store>) {
    let mut count = 0;
    while let Some(message) = inbox.recv().await {
        match message {
            Store::Keep(bytes) => count += bytes.len() as u64,
            Store::Count(reply) => reply.send(count),
            Store::Give(length, reply) => reply.send(noise(length, 7).to_vec()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_behind_a_large_message_leaves_with_it() {
    let pair = Pair::memory().await;
    pair.bob.serve("store", Allow::Members, store).unwrap();
    let store = pair.alice.service::<Store>(pair.bob.identity(), "store").await.unwrap();
    let mut expected = 0;
    for length in [10_000, 70_000, 150_000, 300_000, 1_900_000] {
        store.send(Store::Keep(noise(length, 1).to_vec())).await.unwrap();
        expected += length as u64;
        // Nothing else happens that could wake anybody.
        assert_eq!(store.ask(Store::Count, Duration::from_millis(100)).await, Ok(expected), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn large_bodies_leave_room_for_small_messages_to_others() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(5));
    let pair = Pair::memory_with(&network, Limits::default()).await;
    pair.bob.serve("store", Allow::Members, store).unwrap();
    pair.bob.serve("till", Allow::Members, till).unwrap();
    let store = pair.alice.service::<Store>(pair.bob.identity(), "store").await.unwrap();
    let till = pair.alice.service::<Till>(pair.bob.identity(), "till").await.unwrap();
    let large = tokio::spawn(async move {
        for _ in 0..20 {
            store.send(Store::Keep(noise(1_900_000, 1).to_vec())).await.unwrap();
        }
        store.ask(Store::Count, PATIENCE).await
    });
    let mut rounds = 0_u64;
    while !large.is_finished() {
        till.send(Till::Put(1)).await.unwrap();
        rounds += 1;
        assert_eq!(till.ask(Till::Sum, PATIENCE).await, Ok(rounds));
    }
    assert_eq!(large.await.unwrap(), Ok(38_000_000));
    assert!(rounds > 20, "{rounds} small questions beside 20 large messages");
}

#[tokio::test(start_paused = true)]
async fn bodies_have_a_largest_size_in_both_directions() {
    let pair = Pair::memory().await;
    pair.bob.serve("store", Allow::Members, store).unwrap();
    let store = pair.alice.service::<Store>(pair.bob.identity(), "store").await.unwrap();
    let error = store.send(Store::Keep(vec![0; 2 << 20])).await.unwrap_err();
    assert!(matches!(error, ActorSendError::Encode(_)) && !error.is_retryable(), "{error:?}");
    let largest = store.ask(|reply| Store::Give(2_000_000, reply), PATIENCE).await;
    assert_eq!(largest.map(|bytes| bytes.len()), Ok(2_000_000));
    let error = store.ask(|reply| Store::Give(2 << 20, reply), PATIENCE).await;
    assert_eq!(error, Err(AskError::ReplyFailed));
    assert_eq!(store.ask(Store::Count, PATIENCE).await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn a_flush_ends_when_everything_has_left() {
    let network = MemoryNetwork::new();
    let pair = Pair::memory_with(&network, Limits::default()).await;
    pair.bob.serve("store", Allow::Members, store).unwrap();
    let store = pair.alice.service::<Store>(pair.bob.identity(), "store").await.unwrap();
    network.set_recording(true);
    pair.alice.disconnect(pair.bob.identity());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(store.ask(Store::Count, PATIENCE).await, Ok(0));
    for _ in 0..3 {
        store.send(Store::Keep(noise(1_900_000, 3).to_vec())).await.unwrap();
    }
    store.flush().await.unwrap();
    let sent: usize = network.recordings().iter().map(|recording| recording.bytes.len()).sum();
    assert!(sent > 5_700_000, "{sent} bytes have left");
    store.flush().await.unwrap();
}

/// Ten thousand questions each way at once, many at a time.
async fn both_ways(pair: Pair) {
    let mut asking = Vec::new();
    for (node, other) in [(&pair.alice, &pair.bob), (&pair.bob, &pair.alice)] {
        other.serve("till", Allow::Members, till).unwrap();
        let till = node.service::<Till>(other.identity(), "till").await.unwrap();
        for _ in 0..100 {
            let till = till.clone();
            asking.push(tokio::spawn(async move {
                for _ in 0..100 {
                    till.ask(Till::Sum, Duration::from_secs(60)).await.unwrap();
                }
            }));
        }
    }
    for task in asking {
        tokio::time::timeout(Duration::from_secs(60), task).await.expect("they block each other").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn two_nodes_that_ask_each_other_do_not_block_each_other_in_memory() {
    both_ways(Pair::memory().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_ask_each_other_do_not_block_each_other_over_tcp() {
    both_ways(Pair::tcp().await).await;
}
