//! Addresses as services of tower.

use std::time::Duration;

use actor_proxy::{Address, Allow, AskError, Caller, Inbox, Message, Request, Schema, ServiceOptions};
use serde::{Deserialize, Serialize};
use tower_service::Service;

use crate::world::World;

#[derive(Serialize, Deserialize)]
struct Square(Request<u64, u64>);

impl Message for Square {
    const SCHEMA: Schema = Schema::new("tests.square/1");
}

/// Answers numbers up to a hundred, keeps the others for ever, and ends at zero.
async fn squares(mut inbox: Inbox<Square>) {
    let mut kept = Vec::new();
    while let Some(Square(Request { body, reply })) = inbox.recv().await {
        match body {
            0 => return,
            1..=100 => reply.send(body * body),
            _ => kept.push(reply),
        }
    }
}

async fn call<S: Service<u64>>(service: &mut S, body: u64) -> Result<S::Response, S::Error> {
    std::future::poll_fn(|context| service.poll_ready(context)).await?;
    service.call(body).await
}

#[test]
fn calls_are_questions_with_a_deadline_each() {
    let mut world = World::new(2);
    let (_, inbox) = world.nodes[0].serve("squares", Allow::Members, ServiceOptions::default()).unwrap();
    world.spawn(squares(inbox));
    let address: Address<Square> = world.look_up(1, 0, "squares").unwrap();
    world.block_on(async move {
        let mut caller = Caller::new(address, Square, Duration::from_secs(3));
        assert_eq!(call(&mut caller, 9).await, Ok(81));
        // Several at once, and clones.
        let (early, late) = (caller.call(2), caller.clone().call(3));
        assert_eq!((late.await, early.await), (Ok(9), Ok(4)));
        assert_eq!(call(&mut caller, 101).await, Err(AskError::TimedOut));
        let ended = call(&mut caller, 0).await;
        assert!(matches!(ended, Err(AskError::NoReply)), "{ended:?}");
        let ended = call(&mut caller, 1).await;
        assert!(matches!(ended, Err(AskError::Send(_) | AskError::Ended(_))), "{ended:?}");
    });
}
