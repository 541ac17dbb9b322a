//! An actor of ractor, served to members: a Conclave actor passes questions on to it and its answers back.

use std::time::Duration;

use bridges::{pair, shut_down};
use node::{Address, Allow, Inbox, Request, Schema};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde::{Deserialize, Serialize};

/// An actor as any ractor program has it. It knows nothing of other nodes.
struct Counter;

enum CounterCommand {
    Add(u64, RpcReplyPort<u64>),
}

impl Actor for Counter {
    type Msg = CounterCommand;
    type State = u64;
    type Arguments = u64;

    async fn pre_start(&self, _: ActorRef<Self::Msg>, start: u64) -> Result<u64, ActorProcessingErr> {
        Ok(start)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        CounterCommand::Add(amount, reply): Self::Msg,
        count: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        *count += amount;
        // Whoever asked may have stopped waiting.
        reply.send(*count).ok();
        Ok(())
    }
}

/// What members say to it: what travels, and where the answer goes.
#[derive(Serialize, Deserialize)]
enum CounterMessage {
    Add(Request<u64, u64>),
    Stop,
}

impl node::Message for CounterMessage {
    const SCHEMA: Schema = Schema::new("example.ractor-counter/1");
}

/// The bridge. It asks one question after the other, so that the counter sees them in the order of their sender; a question
/// that fails is dropped, and its asker is told that there is no answer.
async fn bridge(mut inbox: Inbox<CounterMessage>, counter: ActorRef<CounterCommand>) {
    while let Some(message) = inbox.recv().await {
        match message {
            CounterMessage::Add(Request { body, reply }) => {
                match ractor::call!(counter, CounterCommand::Add, body) {
                    Ok(count) => reply.send(count),
                    Err(error) => eprintln!("the counter does not answer: {error}"),
                }
            }
            CounterMessage::Stop => break,
        }
    }
    counter.stop(None);
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (here, there) = pair().await?;
    let (counter, running) = Actor::spawn(None, Counter, 0).await?;
    here.serve("counter", Allow::Members, |inbox| bridge(inbox, counter.clone()))?;

    let far: Address<CounterMessage> = there.service(here.identity(), "counter").await?;
    let patience = Duration::from_secs(5);
    for amount in 1..=4 {
        let count = far.ask(|reply| CounterMessage::Add(Request::new(amount, reply)), patience).await?;
        println!("ractor's counter stands at {count}");
    }
    // The actor serves its own program all the while.
    let count = ractor::call!(counter, CounterCommand::Add, 32)?;
    anyhow::ensure!(count == 42, "{count}");
    far.send(CounterMessage::Stop).await?;
    println!("the bridge is gone: {}", far.ended().await);
    running.await?;
    shut_down([here, there]).await;
    Ok(())
}
