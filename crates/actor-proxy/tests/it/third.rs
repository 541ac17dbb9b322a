//! A node hands the address of an actor of another node to a third one: 0 introduces 2 to an actor of 1.

use std::time::Duration;

use actor_proxy::{Address, Allow, AskError, Ended, Inbox, Limits, Route, SendError, ServiceOptions};

use crate::cast::{Log, Note, clerk, log};
use crate::world::{World, node_id};

const SECOND: Duration = Duration::from_secs(1);
const EMPTY: (usize, usize, usize) = (0, 0, 0);

struct Introduction {
    world: World,
    /// What the actor has seen.
    log: Log,
    /// As 2 has it.
    address: Address<Note>,
}

/// The address of an actor of 1, on its way from 0 to 2.
fn hand_over(world: &mut World, address: Address<Note>) -> Address<Note> {
    let mut inbox = desk(world);
    let desk = world.look_up::<Note>(0, 2, "desk").unwrap();
    world.block_on(async move { desk.send_confirmed(Note::Give(address)).await }).unwrap();
    let Some((Note::Give(address), _)) = inbox.try_recv() else { panic!("nothing came") };
    world.nodes[2].withdraw("desk");
    address
}

fn desk(world: &World) -> Inbox<Note> {
    world.nodes[2].serve("desk", Allow::Members, ServiceOptions::default()).unwrap().1
}

fn introduce(world: World, options: ServiceOptions) -> Introduction {
    let (mut world, seen) = (world, log());
    let (_, inbox) = world.nodes[1].serve("clerk", Allow::Members, options).unwrap();
    world.spawn(clerk(inbox, seen.clone()));
    let known = world.look_up(0, 1, "clerk").unwrap();
    let address = hand_over(&mut world, known);
    Introduction { world, log: seen, address }
}

fn relayed() -> Introduction {
    let world = World::new(3);
    world.forbid(2, 1);
    world.forbid(1, 2);
    let introduction = introduce(world, ServiceOptions::default());
    assert_eq!(introduction.address.route(), Route::Through(node_id(0, 1)));
    introduction
}

fn ask(world: &mut World, address: &Address<Note>, number: u64) -> Result<u64, AskError> {
    let address = address.clone();
    world.block_on(async move { address.ask(|reply| Note::Ask(number, reply), SECOND).await })
}

#[test]
fn who_may_speaks_directly_and_the_introducer_is_not_needed_any_more() {
    let Introduction { mut world, log, address } = introduce(World::new(3), ServiceOptions::default());
    assert_eq!(address.route(), Route::Direct(node_id(1, 1)));
    assert_eq!(ask(&mut world, &address, 1), Ok(2));
    // The lease of the way that was offered along, and after it that of the address.
    world.advance(21 * SECOND);
    assert_eq!(world.nodes[0].table_sizes(), EMPTY);
    world.restart(0);
    assert_eq!(ask(&mut world, &address, 3), Ok(4));
    assert_eq!(*log.lock().unwrap(), [1, 3]);
    drop(address);
    world.advance(11 * SECOND);
    assert_eq!((world.nodes[1].table_sizes(), world.nodes[2].table_sizes()), (EMPTY, EMPTY));
}

#[test]
fn who_may_not_speaks_through_the_introducer_with_addresses_inside() {
    let Introduction { mut world, address, .. } = relayed();
    assert_eq!(ask(&mut world, &address, 1), Ok(2));
    let (own, mut inbox) = world.nodes[2].mailbox::<Note>();
    let (given, far) = (own.clone(), address.clone());
    let home = world.block_on(async move {
        far.send(Note::Give(given)).await.unwrap();
        // The actor of 1 asks the one of 2, for 2: all through 0.
        let passed = far.clone();
        let (question, answer) = (passed.ask(|reply| Note::PassOn(7, reply), SECOND), inbox.recv());
        let answered = async {
            let Some(Note::Ask(number, reply)) = answer.await else { panic!("a question") };
            reply.send(number * 2);
        };
        let (outcome, ()) = both(question, answered).await;
        assert_eq!(outcome, Ok(14));
        far.send_confirmed(Note::Number(1)).await.unwrap();
        far.ask(Note::Take, SECOND).await.unwrap().unwrap()
    });
    assert_eq!((home.route(), &home), (Route::Here, &own));
    let forget = address.clone();
    world.block_on(async move { forget.send(Note::Forget).await }).unwrap();
    drop(address);
    world.advance(21 * SECOND);
    for node in &world.nodes {
        assert_eq!(node.table_sizes(), EMPTY);
    }
}

/// Both, in one task.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|context| {
        use std::task::Poll;
        if first.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(context)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(context)
        {
            second = Some(value);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

#[test]
fn a_slow_actor_behind_an_introducer_does_not_fill_it() {
    let mut world = World::new(3);
    world.forbid(2, 1);
    let (address, mut inbox) = world.nodes[1].mailbox::<Note>();
    // 0 has it from 1 itself.
    let (_, mut desk) = world.nodes[0].serve("entry", Allow::Members, ServiceOptions::default()).unwrap();
    let entry = world.look_up::<Note>(1, 0, "entry").unwrap();
    world.block_on(async move { entry.send_confirmed(Note::Give(address)).await }).unwrap();
    let Some((Note::Give(known), _)) = desk.try_recv() else { panic!("nothing came") };
    let far = hand_over(&mut world, known);
    assert_eq!(far.route(), Route::Through(node_id(0, 1)));
    let accepted = log();
    let counted = accepted.clone();
    world.spawn(async move {
        for number in 0..6_000_u64 {
            let mut bytes = vec![0; 1_000];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            far.send(Note::Bytes(bytes)).await.unwrap();
            counted.lock().unwrap().push(number);
        }
    });
    world.run();
    // Two windows, one at the actor and one in the introducer, and what is on its way between them. Credit goes back by
    // halves, so that up to a half of one is not used.
    let held = accepted.lock().unwrap().len() * 1_064;
    let windows = 2 * usize::try_from(Limits::default().mailbox_window_bytes).unwrap();
    assert!((windows * 3 / 4 - 50_000..windows + 4_096).contains(&held), "{held}");
    let mut next = 0_u64;
    while next < 6_000 {
        world.run();
        while let Some((Note::Bytes(bytes), _)) = inbox.try_recv() {
            assert_eq!(bytes[..8], next.to_le_bytes());
            next += 1;
        }
    }
}

#[test]
fn a_service_without_introducers_has_no_other_way() {
    let world = World::new(3);
    world.forbid(2, 1);
    let options = ServiceOptions::default().direct_only();
    let Introduction { mut world, address, .. } = introduce(world, options);
    assert_eq!(address.try_send(Note::Number(1)), Err(SendError::NoRoute));
    assert_eq!(ask(&mut world, &address, 1), Err(AskError::Send(SendError::NoRoute)));
    let watched = address.clone();
    world.block_on(async move { watched.ended().await });
    drop(address);
    world.advance(11 * SECOND);
    assert_eq!(world.nodes[2].table_sizes(), EMPTY);
    // Who may speaks with it directly.
    let Introduction { mut world, address, .. } = introduce(World::new(3), options);
    assert_eq!((ask(&mut world, &address, 1), address.route()), (Ok(2), Route::Direct(node_id(1, 1))));
}

#[test]
fn without_the_introducer_what_went_through_it_ends() {
    // Lost while it is asked, unreachable after that, gone for good once its node was started anew.
    let Introduction { mut world, address, .. } = relayed();
    let outcome = log();
    let (asked, noted) = (address.clone(), outcome.clone());
    world.spawn(async move {
        let lost = asked.ask(|reply| Note::PassOn(1, reply), 100 * SECOND).await;
        assert_eq!(lost, Err(AskError::Lost { maybe_delivered: true }));
        noted.lock().unwrap().push(1);
    });
    world.poll_tasks();
    world.transmit(usize::MAX);
    world.disconnect(0, 2);
    world.run();
    assert_eq!(outcome.lock().unwrap().len(), 1);
    world.cut.push((0, 2));
    let error = ask(&mut world, &address, 1).unwrap_err();
    assert!(matches!(error, AskError::Send(SendError::Unreachable(_))) && error.is_retryable(), "{error:?}");
    let watched = address.clone();
    let ended = world.block_on(async move { watched.ended().await });
    assert!(matches!(ended, Ended::Unreachable(_)) && ended.is_retryable());
    world.cut.clear();
    assert_eq!(ask(&mut world, &address, 1), Ok(2), "it is good again");
    world.restart(0);
    world.connect(2, 0);
    assert_eq!(address.try_send(Note::Number(1)), Err(SendError::Ended(Ended::Restarted)));
}

#[test]
fn the_end_of_the_actor_comes_through_the_introducer() {
    let Introduction { mut world, address, .. } = relayed();
    let (watched, ends) = (address.clone(), log());
    let noted = ends.clone();
    world.spawn(async move {
        assert_eq!(watched.ended().await, Ended::Panicked);
        noted.lock().unwrap().push(1);
    });
    world.run();
    address.try_send(Note::Panic).unwrap();
    world.run();
    assert_eq!(ends.lock().unwrap().len(), 1);
    assert_eq!(address.try_send(Note::Number(1)), Err(SendError::Ended(Ended::Panicked)));
    // Also when the actor's node starts anew.
    let Introduction { mut world, address, .. } = relayed();
    world.restart(1);
    world.connect(0, 1);
    world.run();
    let watched = address.clone();
    let ended = world.block_on(async move { watched.ended().await });
    assert_eq!(ended, Ended::Expired);
}

#[test]
fn an_unreachable_node_is_told_as_such_and_may_come_back() {
    let mut world = World::new(3);
    world.cut.push((1, 2));
    let Introduction { mut world, address, log } = introduce(world, ServiceOptions::default());
    let error = ask(&mut world, &address, 1).unwrap_err();
    assert!(matches!(error, AskError::Send(SendError::Unreachable(_))) && error.is_retryable(), "{error:?}");
    assert!(!error.maybe_delivered());
    world.cut.clear();
    assert_eq!(ask(&mut world, &address, 2), Ok(3));
    assert_eq!(*log.lock().unwrap(), [2]);
}

#[test]
fn an_actor_that_has_ended_meanwhile_is_expired() {
    let mut world = World::new(3);
    let (_, inbox) = world.nodes[1].serve("clerk", Allow::Members, ServiceOptions::default()).unwrap();
    world.spawn(clerk(inbox, log()));
    let known = world.look_up::<Note>(0, 1, "clerk").unwrap();
    world.disconnect(0, 1);
    world.nodes[1].withdraw("clerk");
    let address = hand_over(&mut world, known);
    assert_eq!(ask(&mut world, &address, 1), Err(AskError::Send(SendError::Ended(Ended::Expired))));
}

#[test]
fn the_introducer_may_let_go_at_once() {
    for direct in [true, false] {
        let world = World::new(3);
        if !direct {
            world.forbid(2, 1);
        }
        let Introduction { mut world, address: keeper, .. } = introduce(world, ServiceOptions::default());
        // An actor of 1 that only 2 knows, through 0 who forgets it.
        let (own, inbox) = world.nodes[1].mailbox::<Note>();
        let seen = log();
        world.spawn(clerk(inbox, seen.clone()));
        let (_, mut entry) =
            world.nodes[0].serve("entry", Allow::Members, ServiceOptions::default()).unwrap();
        let into = world.look_up::<Note>(1, 0, "entry").unwrap();
        world.block_on(async move { into.send_confirmed(Note::Give(own)).await }).unwrap();
        let Some((Note::Give(known), _)) = entry.try_recv() else { panic!("nothing came") };
        let address = hand_over(&mut world, known);
        for _ in 0..10 {
            world.advance(30 * SECOND);
        }
        assert_eq!(ask(&mut world, &address, 5), Ok(6), "direct: {direct}");
        drop((address, keeper));
        world.nodes[1].withdraw("clerk");
        world.advance(30 * SECOND);
        for node in &world.nodes {
            assert_eq!(node.table_sizes(), EMPTY);
        }
        // Its inbox heard that nobody has its address any more.
        assert_eq!(*seen.lock().unwrap(), [5]);
    }
}

#[test]
fn an_address_that_was_given_back_and_comes_again_is_held_again() {
    let mut world = World::new(3);
    let (own, inbox) = world.nodes[1].mailbox::<Note>();
    world.spawn(clerk(inbox, log()));
    // 2 has it from 1 itself, and gives it back: 1 keeps it for ten seconds more.
    let mut desk = desk(&world);
    let (_, mut entry) = world.nodes[0].serve("entry", Allow::Members, ServiceOptions::default()).unwrap();
    let (to_two, to_zero) =
        (world.look_up::<Note>(1, 2, "desk").unwrap(), world.look_up::<Note>(1, 0, "entry").unwrap());
    world
        .block_on(async move {
            to_two.send(Note::Give(own.clone())).await?;
            to_zero.send(Note::Give(own)).await
        })
        .unwrap();
    world.run();
    drop(desk.try_recv());
    world.run();
    let Some((Note::Give(known), _)) = entry.try_recv() else { panic!("nothing came") };
    drop(desk);
    world.nodes[2].withdraw("desk");
    // Then it comes again, through 0.
    let address = hand_over(&mut world, known);
    assert_eq!(address.route(), Route::Direct(node_id(1, 1)));
    for _ in 0..3 {
        world.advance(30 * SECOND);
    }
    assert_eq!(ask(&mut world, &address, 1), Ok(2));
}
