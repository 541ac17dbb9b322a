//! Senders, a reader, and the end of either: each message arrives or is refused, and nobody waits for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use loom::future::block_on;
use loom::thread;
use serde::{Deserialize, Serialize};

use crate::{
    Actors, AskError, Limits, Message, NodeId, ReplyTo, Schema, SendError, ServiceOptions, Surroundings,
};

#[derive(Serialize, Deserialize)]
enum Letter {
    Plain(u8),
    Question(ReplyTo<u8>),
}

impl Message for Letter {
    const SCHEMA: Schema = Schema::new("tests.letter/1");
}

fn actors() -> Actors {
    let now = Instant::now();
    Actors::new(Surroundings {
        me: NodeId { member: [1; 32], device: [2; 32], boot: [3; 16] },
        seed: [4; 32],
        clock: Arc::new(move || now),
        may_speak_with: Arc::new(|_| true),
        limits: Limits::default(),
    })
}

#[test]
fn the_last_message_is_read_and_then_the_end_is_heard() {
    loom::model(|| {
        let actors = actors();
        let (address, mut inbox) = actors.mailbox::<Letter>();
        let sender = thread::spawn(move || {
            address.try_send(Letter::Plain(1)).unwrap();
            drop(address);
        });
        assert!(matches!(block_on(inbox.recv()), Some(Letter::Plain(1))));
        assert!(block_on(inbox.recv()).is_none());
        sender.join().unwrap();
    });
}

#[test]
fn whoever_waits_for_room_gets_it_or_hears_of_the_end() {
    loom::model(|| {
        let actors = actors();
        let options = ServiceOptions::default().with_mailbox(1);
        let (address, mut inbox) = actors.mailbox_with::<Letter>(options);
        address.try_send(Letter::Plain(1)).unwrap();
        let reader = thread::spawn(move || {
            assert!(matches!(block_on(inbox.recv()), Some(Letter::Plain(1))));
            drop(inbox);
        });
        match block_on(address.send(Letter::Plain(2))) {
            Ok(()) | Err(SendError::Ended(_)) => {}
            Err(other) => panic!("{other}"),
        }
        reader.join().unwrap();
    });
}

#[test]
fn a_question_that_meets_the_end_of_the_reader_has_an_outcome() {
    loom::model(|| {
        let actors = actors();
        let (address, inbox) = actors.mailbox::<Letter>();
        let reader = thread::spawn(move || drop(inbox));
        match block_on(address.ask(Letter::Question, Duration::from_secs(1))) {
            Err(AskError::Ended(_) | AskError::NoReply | AskError::Send(SendError::Ended(_))) => {}
            other => panic!("{other:?}"),
        }
        reader.join().unwrap();
    });
}
