//! Messages arrive: in order, both ways, whole.

use bytes::Bytes;
use node::StreamOptions;

use crate::support::{Pair, name};

#[tokio::test]
async fn a_message_crosses_loopback() {
    let pair = Pair::tcp().await;
    one_message(&pair).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_crosses_memory() {
    let pair = Pair::memory().await;
    one_message(&pair).await;
}

async fn one_message(pair: &Pair) {
    let (sender, mut receiver) = pair.stream("greetings");
    sender.send(&b"hello"[..]).await.unwrap();
    let incoming = receiver.recv().await.unwrap();
    assert_eq!(incoming.from, pair.alice.identity());
    assert_eq!(incoming.body.collect(100).await.unwrap(), &b"hello"[..]);

    let mut answers = pair.alice.receiver(name("answers")).unwrap();
    let answer = pair.bob.sender(pair.alice.identity(), name("answers"), StreamOptions::default());
    answer.send_confirmed(Bytes::from_static(b"good day")).await.unwrap();
    assert_eq!(answers.recv().await.unwrap().body.collect(100).await.unwrap(), &b"good day"[..]);
    pair.alice.shutdown().await;
    pair.bob.shutdown().await;
    assert!(receiver.recv().await.is_none());
}
