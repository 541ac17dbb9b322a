//! The modes between nodes.

use std::time::{Duration, Instant};

use benches::Person;
use bytes::Bytes;
use node::{Card, IdentityKey, Limits, Node, Receiver, Run, Sender, StreamName, StreamOptions};

use crate::measure::{self, Sample, random};
use crate::{BULK_MESSAGE_BYTES, Load, Mode, SMALL_MESSAGE_BYTES};

fn name(text: &str) -> StreamName {
    StreamName::new(text).unwrap()
}

pub async fn run(mode: Mode, load: &Load) -> Sample {
    let mut server = Person::new();
    let mut clients: Vec<Person> =
        (0..if mode == Mode::Connect { load.connects } else { 1 }).map(|_| Person::new()).collect();
    let cards: Vec<Card> = clients.iter().map(|client| client.card(None)).collect();
    let serving = server.start(true, &cards, Limits::default()).await;
    let card = server.card(Some(serving.local_addresses()[0]));
    let mut dialing = Vec::new();
    for client in &mut clients {
        dialing.push(client.start(false, std::slice::from_ref(&card), Limits::default()).await);
    }
    let requests = serving.receiver(name("to")).unwrap();
    let echo = serving.clone();
    let served = match mode {
        Mode::Rate => tokio::spawn(count_small(load.rate_messages, echo, requests)),
        _ => tokio::spawn(serve(mode, *load, echo, requests)),
    };
    let sample = match mode {
        Mode::Connect => connects(&dialing, server.identity()).await,
        Mode::Bulk => one_way(&dialing[0], server.identity(), BULK_MESSAGE_BYTES, load.bulk_messages).await,
        Mode::Rate => one_way(&dialing[0], server.identity(), SMALL_MESSAGE_BYTES, load.rate_messages).await,
        _ => round_trips(&dialing[0], server.identity(), load.round_trips).await,
    };
    served.abort();
    for node in dialing {
        drop(node);
    }
    serving.shutdown().await;
    sample
}

fn pair(node: &Node, server: IdentityKey) -> (Sender, Receiver) {
    (node.sender(server, name("to"), StreamOptions::default()), node.receiver(name("fro")).unwrap())
}

async fn one_way(node: &Node, server: IdentityKey, bytes: usize, count: usize) -> Sample {
    let (sender, mut answers) = pair(node, server);
    // Static, since the others send from a slice: counting references to each message would be the harness's cost.
    let message: &'static [u8] = random(bytes).to_vec().leak();
    node.connect(server).await.unwrap();
    let run = measure::Run::start();
    // As the writers of the others, which have a buffer.
    sender.send_all(std::iter::repeat_n(message, count)).await.unwrap();
    answers.recv().await.unwrap();
    run.stop(count, Vec::new())
}

async fn round_trips(node: &Node, server: IdentityKey, count: usize) -> Sample {
    let (sender, mut answers) = pair(node, server);
    let message = random(SMALL_MESSAGE_BYTES);
    let mut each: Vec<Duration> = Vec::with_capacity(count);
    sender.send(message.clone()).await.unwrap();
    answers.recv().await.unwrap();
    let run = measure::Run::start();
    for _ in 0..count {
        let started = Instant::now();
        sender.send(message.clone()).await.unwrap();
        let answer = answers.recv().await.unwrap();
        assert_eq!(answer.body.len(), SMALL_MESSAGE_BYTES as u64);
        each.push(started.elapsed());
    }
    run.stop(count, each)
}

async fn connects(nodes: &[Node], server: IdentityKey) -> Sample {
    let pairs: Vec<_> = nodes.iter().map(|node| pair(node, server)).collect();
    let mut each = Vec::with_capacity(pairs.len());
    let message = random(SMALL_MESSAGE_BYTES);
    let count = pairs.len();
    let run = measure::Run::start();
    for ((sender, mut answers), node) in pairs.into_iter().zip(nodes) {
        let started = Instant::now();
        sender.send(message.clone()).await.unwrap();
        answers.recv().await.unwrap();
        node.disconnect(server);
        each.push(started.elapsed());
    }
    run.stop(count, each)
}

/// Takes small messages as the others take theirs: out of the buffer that they were read into.
async fn count_small(mut left: usize, node: Node, mut requests: Receiver) {
    while let Some(Run::Small(messages)) = requests.recv_run().await {
        for message in messages.iter() {
            assert_eq!(message.len(), SMALL_MESSAGE_BYTES);
            left -= 1;
        }
        if left == 0 {
            let sender = node.sender(messages.from(), name("fro"), StreamOptions::default());
            return sender.send(Bytes::from_static(b"all here")).await.unwrap();
        }
    }
}

async fn serve(mode: Mode, load: Load, node: Node, mut requests: Receiver) {
    let mut left = match mode {
        Mode::Bulk => load.bulk_messages,
        _ => 0,
    };
    let mut answer: Option<(IdentityKey, Sender)> = None;
    while let Some(mut incoming) = requests.recv().await {
        if answer.as_ref().is_none_or(|(known, _)| *known != incoming.from) {
            let sender = node.sender(incoming.from, name("fro"), StreamOptions::default());
            answer = Some((incoming.from, sender));
        }
        let Some((_, sender)) = &answer else { return };
        if left == 0 {
            let message = incoming.body.next().await.unwrap().unwrap();
            // A client that has hung up takes no answer.
            let _ = sender.send(message).await;
            continue;
        }
        let mut bytes = 0;
        while let Some(piece) = incoming.body.next().await {
            bytes += piece.unwrap().len();
        }
        assert!(bytes == BULK_MESSAGE_BYTES || bytes == SMALL_MESSAGE_BYTES);
        left -= 1;
        if left == 0 {
            sender.send(Bytes::from_static(b"all here")).await.unwrap();
        }
    }
}
