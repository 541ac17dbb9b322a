//! Services that are spoken with by the shape of their messages alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actor_proxy::{
    Actors, AskError, Inbox, Message, Request, Schema, SendError, ServiceError, ServiceOptions, Untyped,
};
use actor_proxy::{Allow, ReplyTo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Serialize, Deserialize)]
enum Sums {
    Add(Request<Vec<u64>, u64>),
    Forget(ReplyTo<u64>),
    Note { text: String },
}

impl Message for Sums {
    const SCHEMA: Schema = Schema::new("tests.sums/1");
}

async fn sums(mut inbox: Inbox<Sums>) {
    while let Some(message) = inbox.recv().await {
        match message {
            Sums::Add(Request { body, reply }) => reply.send(body.iter().sum()),
            Sums::Forget(reply) => drop(reply),
            Sums::Note { text } => assert_eq!(text, "remember"),
        }
    }
}

/// A message as somebody writes it who has no type of it.
#[derive(Serialize)]
enum Written {
    Add { body: Value, reply: ReplyTo<Value> },
    Forget(ReplyTo<Value>),
    Nothing(ReplyTo<Value>),
    Note { text: String },
}

/// A message that outlives its sending.
#[derive(Clone)]
struct Kept(Arc<Written>);

impl Serialize for Kept {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

fn serve(world: &mut World) {
    let options = ServiceOptions::default().self_describing();
    let (_, inbox) = world.nodes[0].serve("sums", Allow::Members, options).unwrap();
    world.spawn(sums(inbox));
    let (_, inbox) = world.nodes[0].serve("native", Allow::Members, ServiceOptions::default()).unwrap();
    world.spawn(sums(inbox));
}

/// From another node, and from the service's own.
fn both(world: &mut World) -> [Untyped; 2] {
    serve(world);
    world.connect(0, 1);
    let looking = world.exchange(1, 0).untyped_service("sums");
    [world.block_on(looking).unwrap(), world.nodes[0].untyped_service("sums").unwrap()]
}

#[test]
fn a_caller_without_types_is_answered() {
    let mut world = World::new(2);
    for sums in both(&mut world) {
        assert_eq!(sums.schema(), "tests.sums/1");
        world.block_on(async move {
            let sum = sums.ask(|reply| Written::Add { body: json!([1, 2, 39]), reply }, PATIENCE).await;
            assert_eq!(sum, Ok(json!(42)));
            let note = Written::Note { text: "remember".into() };
            sums.send(&note).await.unwrap();
            sums.send_confirmed(&note).await.unwrap();
        });
    }
    assert!(world.faults.is_empty());
}

#[test]
fn what_the_service_cannot_read_or_does_not_answer_is_told() {
    let mut world = World::new(2);
    for sums in both(&mut world) {
        world.block_on(async move {
            let wrong = sums.ask(|reply| Written::Add { body: json!("one"), reply }, PATIENCE).await;
            assert_eq!(wrong, Err(AskError::Malformed));
            let unknown = sums.ask::<_, Value>(Written::Nothing, PATIENCE).await;
            assert_eq!(unknown, Err(AskError::Malformed));
            assert_eq!(sums.ask::<_, Value>(Written::Forget, PATIENCE).await, Err(AskError::NoReply));
            let sum = sums.ask::<_, String>(|reply| Request { body: json!([1]), reply }, PATIENCE);
            assert_eq!(sum.await, Err(AskError::Malformed), "no variant is named");
        });
    }
}

#[test]
fn an_answer_of_another_type_is_told() {
    #[derive(Serialize)]
    enum Asking {
        Add { body: Vec<u64>, reply: ReplyTo<String> },
    }
    let mut world = World::new(2);
    for sums in both(&mut world) {
        let answer = world
            .block_on(async move { sums.ask(|reply| Asking::Add { body: vec![1], reply }, PATIENCE).await });
        assert!(matches!(answer, Err(AskError::BadReply(_))), "{answer:?}");
    }
}

#[test]
fn a_one_time_address_that_was_used_is_not_sent_again() {
    let mut world = World::new(2);
    for sums in both(&mut world) {
        world.block_on(async move {
            let again = sums.clone();
            let (sender, keeper) = (sums.clone(), Mutex::new(None));
            let asking = sums.ask::<_, Value>(
                |reply| {
                    let message = Kept(Arc::new(Written::Forget(reply)));
                    *keeper.lock().unwrap() = Some(message.clone());
                    message
                },
                PATIENCE,
            );
            assert_eq!(asking.await, Err(AskError::NoReply));
            let message = keeper.lock().unwrap().take().unwrap();
            assert_eq!(sender.send(&message).await, Err(SendError::ReplyUsed));
            let sum = again.ask(|reply| Written::Add { body: json!([4]), reply }, PATIENCE).await;
            assert_eq!(sum, Ok(json!(4)));
        });
    }
}

#[test]
fn only_services_that_describe_themselves_are_found() {
    let mut world = World::new(2);
    serve(&mut world);
    world.connect(0, 1);
    for (name, error) in [
        ("native", ServiceError::NotSelfDescribing),
        ("nothing", ServiceError::NoSuchService),
        ("", ServiceError::BadName),
    ] {
        let looking = world.exchange(1, 0).untyped_service(name);
        assert_eq!(world.block_on(looking).unwrap_err(), error);
        assert_eq!(world.nodes[0].untyped_service(name).unwrap_err(), error);
    }
}

#[test]
fn a_full_mailbox_here_makes_callers_without_types_wait_too() {
    let mut world = World::new(1);
    let node: Actors = world.nodes[0].clone();
    let options = ServiceOptions::default().self_describing().with_mailbox(1);
    let (address, mut inbox) = node.serve::<Sums>("sums", Allow::Members, options).unwrap();
    let sums = node.untyped_service("sums").unwrap();
    world.block_on(async move {
        let note = || Written::Note { text: "remember".into() };
        address.send(Sums::Note { text: "remember".into() }).await.unwrap();
        let notes = (note(), note());
        {
            let mut given_up = Box::pin(sums.send(&notes.0));
            std::future::poll_fn(|context| {
                assert!(given_up.as_mut().poll(context).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        }
        let mut waiting = Box::pin(sums.send(&notes.1));
        std::future::poll_fn(|context| {
            assert!(waiting.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        assert!(matches!(inbox.try_recv(), Some((Sums::Note { .. }, _))));
        waiting.await.unwrap();
        assert!(inbox.try_recv().is_some());
        assert!(inbox.try_recv().is_none(), "what was given up did not come");
        drop(inbox);
        assert!(matches!(sums.send(&note()).await, Err(SendError::Ended(_))));
    });
}
