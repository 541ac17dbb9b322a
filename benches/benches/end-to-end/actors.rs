//! The modes between actors of two nodes.

use benches::Person;
use std::time::{Duration, Instant};

use node::{Address, Allow, Blob, Inbox, Limits, Message, ReplyTo, Schema};
use serde::{Deserialize, Serialize};

use crate::measure::{Run, Sample, random};
use crate::{BULK_MESSAGE_BYTES, Load, Mode};

const DEADLINE: Duration = Duration::from_secs(60);

/// 64 bytes in eight numbers: what serde has something to do with.
type Words = [u64; 8];

#[derive(Serialize, Deserialize)]
pub enum Task {
    /// One of many.
    Take(Words),
    /// One of many that are large.
    TakeLarge(Blob),
    /// Answer with the same.
    Echo(Words, ReplyTo<Words>),
    /// Answer when everything before has been taken.
    Count(ReplyTo<u64>),
}

impl Message for Task {
    const SCHEMA: Schema = Schema::new("bench.task/1");
}

pub async fn worker(mut inbox: Inbox<Task>) {
    let mut count = 0;
    while let Some(task) = inbox.recv().await {
        match task {
            Task::Take(words) => count += words[0],
            Task::TakeLarge(bytes) => count += u64::from(bytes.len() == BULK_MESSAGE_BYTES),
            Task::Echo(words, reply) => reply.send(words),
            Task::Count(reply) => reply.send(count),
        }
    }
}

pub async fn run(mode: Mode, load: &Load) -> Sample {
    let (mut server, mut client) = (Person::new(), Person::new());
    let serving = server.start(true, &[client.card(None)], Limits::default()).await;
    serving.serve("worker", Allow::Members, worker).unwrap();
    let card = server.card(Some(serving.local_addresses()[0]));
    let dialing = client.start(false, &[card], Limits::default()).await;
    let address: Address<Task> = dialing.service(serving.identity(), "worker").await.unwrap();
    let sample = match mode {
        Mode::Rate => one_way(&address, load.rate_messages).await,
        Mode::Bulk => bulk(&address, load.bulk_messages).await,
        _ => round_trips(&address, load.round_trips).await,
    };
    dialing.shutdown().await;
    serving.shutdown().await;
    sample
}

/// Between two actors of one node, each on its own thread where there are two.
pub async fn local(load: &Load) -> Sample {
    let mut person = Person::new();
    let node = person.start(false, &[], Limits::default()).await;
    let address = node.spawn_actor(worker);
    let sample = one_way(&address, load.rate_messages).await;
    node.shutdown().await;
    sample
}

async fn one_way(address: &Address<Task>, count: usize) -> Sample {
    let run = Run::start();
    for _ in 0..count {
        address.send(Task::Take([1; 8])).await.unwrap();
    }
    let taken: u64 = address.ask(Task::Count, DEADLINE).await.unwrap();
    assert_eq!(taken, count as u64);
    run.stop(count, Vec::new())
}

async fn bulk(address: &Address<Task>, count: usize) -> Sample {
    let message = Blob::from(random(BULK_MESSAGE_BYTES));
    let run = Run::start();
    for _ in 0..count {
        address.send(Task::TakeLarge(message.clone())).await.unwrap();
    }
    let taken: u64 = address.ask(Task::Count, DEADLINE).await.unwrap();
    assert_eq!(taken, count as u64);
    run.stop(count, Vec::new())
}

pub async fn round_trips(address: &Address<Task>, count: usize) -> Sample {
    let mut each = Vec::with_capacity(count);
    let _: Words = address.ask(|reply| Task::Echo([7; 8], reply), DEADLINE).await.unwrap();
    let run = Run::start();
    for _ in 0..count {
        let started = Instant::now();
        let words: Words = address.ask(|reply| Task::Echo([7; 8], reply), DEADLINE).await.unwrap();
        assert_eq!(words, [7; 8]);
        each.push(started.elapsed());
    }
    run.stop(count, each)
}
