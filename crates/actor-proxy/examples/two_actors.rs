//! Two nodes and a pipe in memory: `cargo run -p actor-proxy --example two_actors`.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use actor_proxy::{
    Actors, Address, Allow, Exchange, Inbox, Lane, Limits, Message, NodeId, ReplyTo, Schema, ServiceOptions,
    Surroundings,
};
use serde::{Deserialize, Serialize};

/// What a till understands.
#[derive(Serialize, Deserialize)]
enum Till {
    Put(u64),
    Sum(ReplyTo<u64>),
    Watch(Address<Sale>),
}

impl Message for Till {
    const SCHEMA: Schema = Schema::new("shop.till/1");
}

/// What those who watch a till understand.
#[derive(Serialize, Deserialize)]
struct Sale(u64);

impl Message for Sale {
    const SCHEMA: Schema = Schema::new("shop.sale/1");
}

/// An actor is whatever reads an inbox.
async fn till(mut inbox: Inbox<Till>) {
    let (mut sum, mut watchers) = (0, Vec::new());
    while let Some(message) = inbox.recv().await {
        match message {
            Till::Put(amount) => {
                sum += amount;
                watchers.retain(|watcher: &Address<Sale>| watcher.try_send(Sale(amount)).is_ok());
            }
            Till::Sum(reply) => reply.send(sum),
            Till::Watch(watcher) => watchers.push(watcher),
        }
    }
}

async fn customer(node: Actors, till: Address<Till>) -> Result<(), Box<dyn Error>> {
    let (watcher, mut sales) = node.mailbox();
    till.send(Till::Watch(watcher)).await?;
    till.send(Till::Put(7)).await?;
    till.send_confirmed(Till::Put(8)).await?;
    let sum: u64 = till.ask(Till::Sum, Duration::from_secs(1)).await?;
    println!("there are {sum} in {till:?}");
    for _ in 0..2 {
        if let Some(Sale(amount)) = sales.recv().await {
            println!("somebody put {amount} in");
        }
    }
    Ok(())
}

/// One node. Whoever authenticates nodes says who they are; the clock and 32 bytes of chance come from outside, too.
fn node(number: u8) -> Actors {
    Actors::new(Surroundings {
        me: NodeId { member: [number; 32], device: [number; 32], boot: [number; 16] },
        seed: rand::random(),
        clock: Arc::new(Instant::now),
        may_speak_with: Arc::new(|_| true),
        limits: Limits::default(),
    })
}

/// The pipe: what one end has to say is what the other end hears. Only the order within a lane matters.
fn carry(from: &Exchange, to: &Exchange, context: &Context<'_>) -> Result<(), Box<dyn Error>> {
    let Some(mut outgoing) = from.outgoing(context) else { return Ok(()) };
    let mut messages = Vec::new();
    for lane in Lane::all() {
        while let Some(next) = outgoing.peek(lane) {
            messages.push(next.to_bytes());
            outgoing.advance(lane);
        }
    }
    if outgoing.finish() {
        from.handle_taken().wake();
    }
    from.handle_written().wake();
    let (outcome, wakes) = to.handle_messages(Instant::now(), messages);
    wakes.wake();
    Ok(outcome?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (shop, home) = (node(1), node(2));
    let (_, inbox) = shop.serve("till", Allow::Members, ServiceOptions::default())?;
    let mut till = pin!(till(inbox));
    // A session is there: both are told, and get their end of it.
    let (of_shop, of_home) = (shop.connected(home.me()), home.connected(shop.me()));
    let looking = of_home.service("till");
    let mut customer = pin!(async { customer(home.clone(), looking.await?).await });
    // Instead of an executor: poll everybody, and carry what they say, until the customer is done.
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(outcome) = customer.as_mut().poll(&mut context) {
            return outcome;
        }
        let _ = till.as_mut().poll(&mut context);
        carry(&of_home, &of_shop, &context)?;
        carry(&of_shop, &of_home, &context)?;
    }
}
