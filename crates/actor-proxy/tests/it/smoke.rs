//! The story of the front page: a till, a customer, a watcher.

use std::time::Duration;

use actor_proxy::{Address, Allow, Ended, Inbox, Message, ReplyTo, Route, Schema, ServiceOptions};
use serde::{Deserialize, Serialize};

use crate::world::{World, node_id};

#[derive(Serialize, Deserialize)]
pub enum Till {
    Put(u64),
    Sum(ReplyTo<u64>),
    Watch(Address<Sale>),
    Stop,
}

impl Message for Till {
    const SCHEMA: Schema = Schema::new("shop.till/1");
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Sale(pub u64);

impl Message for Sale {
    const SCHEMA: Schema = Schema::new("shop.sale/1");
}

pub async fn till(mut inbox: Inbox<Till>) {
    let (mut sum, mut watchers) = (0, Vec::<Address<Sale>>::new());
    while let Some(message) = inbox.recv().await {
        match message {
            Till::Put(n) => {
                sum += n;
                for watcher in &watchers {
                    watcher.try_send(Sale(n)).ok();
                }
            }
            Till::Sum(reply) => reply.send(sum),
            Till::Watch(watcher) => watchers.push(watcher),
            Till::Stop => return,
        }
    }
}

#[test]
fn the_story_of_the_front_page() {
    let mut world = World::new(2);
    let (_, inbox) = world.nodes[0].serve("till", Allow::Members, ServiceOptions::default()).unwrap();
    world.spawn(till(inbox));
    world.connect(0, 1);
    let customer = world.nodes[1].clone();
    let till = world.look_up::<Till>(1, 0, "till").unwrap();
    assert_eq!(till.route(), Route::Direct(node_id(0, 1)));
    let outcome = world.block_on(async move {
        let (sales, mut inbox) = customer.mailbox::<Sale>();
        till.send(Till::Watch(sales)).await.unwrap();
        till.send(Till::Put(7)).await.unwrap();
        till.send_confirmed(Till::Put(8)).await.unwrap();
        let sum: u64 = till.ask(Till::Sum, Duration::from_secs(1)).await.unwrap();
        let sales = (inbox.recv().await, inbox.recv().await);
        till.send(Till::Stop).await.unwrap();
        (sum, sales, till.ended().await)
    });
    assert_eq!(outcome, (15, (Some(Sale(7)), Some(Sale(8))), Ended::Finished));
    world.advance(Duration::from_secs(11));
    assert_eq!(world.nodes[0].table_sizes(), (0, 0, 0));
    assert_eq!(world.nodes[1].table_sizes(), (0, 0, 0));
    assert!(world.faults.is_empty());
}
