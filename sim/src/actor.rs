//! The actor that every node offers: takes, answers, lets questions drop, and asks through addresses that it is lent.

use std::sync::Arc;
use std::time::Duration;

use node::{Address, AskError, Inbox, Message, Origin, ReplyTo, Schema};
use serde::{Deserialize, Serialize};

use crate::ledger::Kind;
use crate::machine::Machine;
use crate::world::World;

/// Under this name it is found.
pub(crate) const SERVICE: &str = "desk";

/// What the actor takes. The numbers are those of the ledger.
#[derive(Serialize, Deserialize)]
pub(crate) enum Desk {
    /// To be taken.
    Tell(u64),
    /// To be answered with the next number.
    Question(u64, ReplyTo<u64>),
    /// To be kept for so many milliseconds, and answered or dropped.
    Ponder(u64, u64, ReplyTo<u64>),
    /// Somebody's desk, to be asked the second number, and the answer to be passed on.
    Lend(u64, u64, Address<Desk>, ReplyTo<u64>),
}

impl Message for Desk {
    const SCHEMA: Schema = Schema::new("simulation.desk/1");
}

/// How long a question through a lent address may take.
const LENT_TIMEOUT: Duration = Duration::from_secs(8);

/// Runs the desk of one node.
pub(crate) async fn desk(world: Arc<World>, machine: Arc<Machine>, here: u8, mut inbox: Inbox<Desk>) {
    while let Some((message, origin)) = inbox.recv_from().await {
        let from = match origin {
            Origin::Node(node) => Some(node.member),
            _ => None,
        };
        match message {
            Desk::Tell(number) => world.delivered(number, here, from),
            Desk::Question(number, reply) => {
                world.delivered(number, here, from);
                reply.send(number + 1);
            }
            Desk::Ponder(number, millis, reply) => {
                world.delivered(number, here, from);
                machine.run(async move {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    if millis % 3 != 0 {
                        reply.send(number + 1);
                    }
                });
            }
            Desk::Lend(number, second, address, reply) => {
                world.delivered(number, here, from);
                let world = Arc::clone(&world);
                machine.run(async move {
                    world.begun(second, Kind::Lent, here, None, 0);
                    let answer = address.ask(|reply| Desk::Question(second, reply), LENT_TIMEOUT).await;
                    let maybe = answer.as_ref().err().is_none_or(AskError::maybe_delivered);
                    world.ended(second, answer.is_ok(), maybe);
                    if let Ok(answer) = answer {
                        reply.send(answer);
                    }
                });
            }
        }
    }
}
