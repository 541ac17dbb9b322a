//! Large and small, in order, in both directions, and to the end.

use std::time::Duration;

use node::{Allow, Inbox, Message, ReplyTo, Schema};
use serde::{Deserialize, Serialize};

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
