//! Actors of one node among themselves.

use std::time::Duration;

use actor_proxy::{AskError, Ended, Origin, Route, SendError, ServiceOptions};

use crate::cast::{Note, clerk, log};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn number(note: Option<(Note, Origin)>) -> Option<u64> {
    match note {
        Some((Note::Number(number), Origin::Here)) => Some(number),
        None => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mailbox_is_bounded_and_its_line_is_in_order() {
    let mut world = World::new(1);
    let (address, mut inbox) = world.nodes[0].mailbox_with::<Note>(ServiceOptions::default().with_mailbox(2));
    assert_eq!(address.route(), Route::Here);
    let order = log();
    address.try_send(Note::Number(0)).unwrap();
    address.try_send(Note::Number(1)).unwrap();
    assert_eq!(address.try_send(Note::Number(9)), Err(SendError::Full));
    for n in 2..8 {
        let (address, order) = (address.clone(), order.clone());
        world.spawn(async move {
            address.send(Note::Number(n)).await.unwrap();
            order.lock().unwrap().push(n);
        });
    }
    world.run();
    assert!(order.lock().unwrap().is_empty(), "nobody is accepted");
    assert_eq!(number(inbox.try_recv()), Some(0));
    world.run();
    // Two places became free at once; whoever tries now stands behind the line.
    assert_eq!(*order.lock().unwrap(), [2, 3]);
    assert_eq!(address.try_send(Note::Number(9)), Err(SendError::Full));
    for n in 1..8 {
        assert_eq!(number(inbox.try_recv()), Some(n));
        world.run();
    }
    assert_eq!(number(inbox.try_recv()), None);
    assert_eq!(*order.lock().unwrap(), [2, 3, 4, 5, 6, 7]);
    address.try_send(Note::Number(9)).unwrap();
}

#[test]
fn a_cancelled_send_leaves_the_line() {
    let mut world = World::new(1);
    let (address, mut inbox) = world.nodes[0].mailbox_with::<Note>(ServiceOptions::default().with_mailbox(1));
    address.try_send(Note::Number(0)).unwrap();
    let waiting = address.clone();
    world.spawn(async move { waiting.send(Note::Number(2)).await.unwrap() });
    {
        let mut cancelled = Box::pin(address.send(Note::Number(1)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(cancelled.as_mut().poll(&mut context).is_pending());
    }
    world.run();
    let came: Vec<_> = std::iter::from_fn(|| number(inbox.try_recv())).collect();
    assert_eq!(came, [0, 2]);
}

#[test]
fn an_actor_hears_when_nobody_can_send_any_more() {
    let mut world = World::new(1);
    let (address, mut inbox) = world.nodes[0].mailbox::<Note>();
    let clone = address.clone();
    let numbers = log();
    let seen = numbers.clone();
    world.spawn(async move {
        while let Some(Note::Number(n)) = inbox.recv().await {
            seen.lock().unwrap().push(n);
        }
        seen.lock().unwrap().push(99);
        // Its own address makes it one that can be spoken with again.
        let again = inbox.address();
        again.try_send(Note::Number(5)).unwrap();
        drop(again);
        assert!(matches!(inbox.recv().await, Some(Note::Number(5))));
        assert!(inbox.recv().await.is_none());
        seen.lock().unwrap().push(100);
    });
    world.run();
    drop(address);
    world.run();
    assert!(numbers.lock().unwrap().is_empty());
    clone.try_send(Note::Number(1)).unwrap();
    drop(clone);
    world.run();
    assert_eq!(*numbers.lock().unwrap(), [1, 99, 100]);
}

#[test]
fn questions_end_once_and_by_the_given_clock() {
    let mut world = World::new(1);
    let (address, inbox) = world.nodes[0].mailbox::<Note>();
    world.spawn(clerk(inbox, log()));
    let asked = address.clone();
    assert_eq!(world.block_on(async move { asked.ask(|r| Note::Ask(4, r), SECOND).await }), Ok(5));
    // Nobody is kept: the question is dropped.
    let asked = address.clone();
    let dropped = world.block_on(async move { asked.ask(|r| Note::PassOn(4, r), SECOND).await });
    assert_eq!(dropped, Err(AskError::NoReply));
    // Nobody reads.
    let (silent, inbox) = world.nodes[0].mailbox::<Note>();
    let before = world.now();
    let asked = silent.clone();
    let late = world.block_on(async move { asked.ask(|r| Note::Ask(4, r), 3 * SECOND).await });
    assert_eq!((late, world.now() - before), (Err(AskError::TimedOut), 3 * SECOND));
    // The actor ends with the question in its mailbox, and with one that comes later.
    let outcome = log();
    let (asked, noted) = (silent.clone(), outcome.clone());
    world.spawn(async move {
        assert_eq!(asked.ask(|r| Note::Ask(1, r), SECOND).await, Err(AskError::NoReply));
        noted.lock().unwrap().push(1);
    });
    world.run();
    drop(inbox);
    world.run();
    assert_eq!(*outcome.lock().unwrap(), [1]);
    let asked = world.block_on(async move { silent.ask(|r| Note::Ask(1, r), SECOND).await });
    assert_eq!(asked, Err(AskError::Send(SendError::Ended(Ended::Finished))));
}

#[test]
fn waiting_senders_hear_of_the_end() {
    let mut world = World::new(1);
    let (address, inbox) = world.nodes[0].mailbox_with::<Note>(ServiceOptions::default().with_mailbox(1));
    address.try_send(Note::Number(0)).unwrap();
    let (sender, watcher) = (address.clone(), address.clone());
    let ends = log();
    let (one, two) = (ends.clone(), ends.clone());
    world.spawn(async move {
        let outcome = sender.send_confirmed(Note::Number(1)).await;
        assert_eq!(outcome, Err(SendError::Ended(Ended::Panicked)));
        one.lock().unwrap().push(1);
    });
    world.spawn(async move {
        assert_eq!(watcher.ended().await, Ended::Panicked);
        two.lock().unwrap().push(2);
    });
    world.run();
    let ender = inbox.ender();
    ender.panicked();
    world.run();
    assert_eq!(ends.lock().unwrap().len(), 2);
    let after = address.clone();
    assert_eq!(
        world.block_on(async move { after.ended().await }),
        Ended::Panicked,
        "the first reason counts"
    );
    drop(inbox);
    assert_eq!(address.try_send(Note::Number(1)), Err(SendError::Ended(Ended::Panicked)));
}
