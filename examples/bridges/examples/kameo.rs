//! An actor of kameo, served to members: a Conclave actor passes questions on to it and its answers back.

use std::time::Duration;

use anyhow::Context as _;
use bridges::{pair, shut_down};
use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::message::{Context, Message};
use node::{Address, Allow, Inbox, Request, Schema};
use serde::{Deserialize, Serialize};

/// An actor as any kameo program has it. It knows nothing of other nodes.
#[derive(Actor, Default)]
struct Counter {
    count: u64,
}

struct Add(u64);

impl Message<Add> for Counter {
    type Reply = u64;

    async fn handle(&mut self, Add(amount): Add, _: &mut Context<Self, Self::Reply>) -> u64 {
        self.count += amount;
        self.count
    }
}

/// What members say to it: what travels, and where the answer goes.
#[derive(Serialize, Deserialize)]
enum CounterMessage {
    Add(Request<u64, u64>),
    Stop,
}

impl node::Message for CounterMessage {
    const SCHEMA: Schema = Schema::new("example.kameo-counter/1");
}

/// The bridge. It asks one question after the other, so that the counter sees them in the order of their sender; a question
/// that fails is dropped, and its asker is told that there is no answer.
async fn bridge(mut inbox: Inbox<CounterMessage>, counter: ActorRef<Counter>) {
    while let Some(message) = inbox.recv().await {
        match message {
            CounterMessage::Add(Request { body, reply }) => match counter.ask(Add(body)).await {
                Ok(count) => reply.send(count),
                Err(error) => eprintln!("the counter does not answer: {error}"),
            },
            CounterMessage::Stop => break,
        }
    }
    counter.stop_gracefully().await.ok();
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (here, there) = pair().await?;
    let counter = Counter::spawn(Counter::default());
    here.serve("counter", Allow::Members, |inbox| bridge(inbox, counter.clone()))?;

    let far: Address<CounterMessage> = there.service(here.identity(), "counter").await?;
    let patience = Duration::from_secs(5);
    for amount in 1..=4 {
        let count = far.ask(|reply| CounterMessage::Add(Request::new(amount, reply)), patience).await?;
        println!("kameo's counter stands at {count}");
    }
    // The actor serves its own program all the while.
    let count = counter.ask(Add(32)).await.ok().context("the counter does not answer here")?;
    anyhow::ensure!(count == 42, "{count}");
    far.send(CounterMessage::Stop).await?;
    println!("the bridge is gone: {}", far.ended().await);
    counter.wait_for_shutdown().await;
    shut_down([here, there]).await;
    Ok(())
}
