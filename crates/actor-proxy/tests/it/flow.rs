//! Flow control: who reads slowly stops those who write to it, and nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actor_proxy::{Address, Allow, AskError, Inbox, Limits, SendError, ServiceOptions, Table};

use crate::cast::{Note, clerk, log};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const WINDOW_BYTES: usize = 1_536 * 1_024;

/// What a message of so many bytes costs: they, the variant, their length, and 64.
fn cost(bytes: usize) -> usize {
    let length = match bytes {
        0..=250 => 1,
        251..=0xffff => 3,
        _ => 5,
    };
    1 + length + bytes + 64
}

fn serve(world: &mut World, at: usize, name: &str) -> Inbox<Note> {
    world.nodes[at].serve(name, Allow::Members, ServiceOptions::default()).unwrap().1
}

/// The bytes of what is in a mailbox, at their cost.
fn drain(inbox: &mut Inbox<Note>) -> usize {
    let mut held = 0;
    while let Some((Note::Bytes(bytes), _)) = inbox.try_recv() {
        held += cost(bytes.len());
    }
    held
}

fn flood(world: &mut World, far: &Address<Note>, tasks: usize, bytes: usize) {
    for _ in 0..tasks {
        let far = far.clone();
        world.spawn(async move { while far.send(Note::Bytes(vec![0; bytes])).await.is_ok() {} });
    }
}

#[test]
fn a_slow_actor_holds_a_window_and_one_message_at_the_most() {
    for bytes in [0, 100, 1_000, 60_000, 250_000, 300_000, 2_000_000] {
        let mut world = World::new(2);
        let mut inbox = serve(&mut world, 0, "slow");
        let far = world.look_up::<Note>(1, 0, "slow").unwrap();
        flood(&mut world, &far, 3, bytes);
        for _ in 0..10 {
            world.run();
            let held = drain(&mut inbox);
            let limit = WINDOW_BYTES + cost(bytes);
            assert!(
                ((WINDOW_BYTES / 2).saturating_sub(bytes)..=limit).contains(&held),
                "{held} of {bytes} each"
            );
        }
    }
}

#[test]
fn ten_sessions_make_no_more_room_than_one() {
    let mut world = World::new(2);
    let mut inbox = serve(&mut world, 0, "slow");
    let far = world.look_up::<Note>(1, 0, "slow").unwrap();
    flood(&mut world, &far, 2, 1_000);
    for round in 0..10 {
        world.run();
        world.disconnect(0, 1);
        if round == 5 {
            // The export is forgotten meanwhile, what is unread is not.
            world.dials = false;
            world.advance(Duration::from_secs(3_700));
            world.dials = true;
            flood(&mut world, &far, 2, 1_000);
        }
    }
    world.run();
    let held = drain(&mut inbox);
    assert!((WINDOW_BYTES - cost(1_000)..=WINDOW_BYTES + cost(1_000)).contains(&held), "{held}");
    // With room again it goes on.
    for _ in 0..5 {
        world.run();
        assert!(drain(&mut inbox) > WINDOW_BYTES / 3);
    }
}

#[test]
fn one_of_a_thousand_conversations_is_blocked_and_the_others_go_on() {
    let mut world = World::new(2);
    let mut blocked = serve(&mut world, 0, "blocked");
    let (_, entry) = world.nodes[1].serve("entry", Allow::Members, ServiceOptions::default()).unwrap();
    let mut entry = entry;
    let into = world.look_up::<Note>(0, 1, "entry").unwrap();
    for _ in 0..1_000 {
        let (own, inbox) = world.nodes[0].mailbox::<Note>();
        into.try_send(Note::Give(own)).unwrap();
        world.spawn(clerk(inbox, log()));
    }
    let far = world.look_up::<Note>(1, 0, "blocked").unwrap();
    flood(&mut world, &far, 20, 10_000);
    let done = Arc::new(AtomicUsize::new(0));
    world.run();
    while let Some((Note::Give(address), _)) = entry.try_recv() {
        let done = Arc::clone(&done);
        world.spawn(async move {
            for number in 0..20 {
                let answer = address.ask(|reply| Note::Ask(number, reply), 10 * SECOND).await;
                assert_eq!(answer, Ok(number + 1));
                address.send(Note::Bytes(vec![1; 3_000])).await.unwrap();
            }
            done.fetch_add(1, Ordering::Relaxed);
        });
        world.run();
    }
    world.run();
    assert_eq!(done.load(Ordering::Relaxed), 1_000);
    assert!(drain(&mut blocked) >= WINDOW_BYTES);
}

#[test]
fn a_large_message_leaves_room_in_the_other_lanes() {
    let mut world = World::new(2);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut inboxes: Vec<_> = names.iter().map(|name| serve(&mut world, 0, name)).collect();
    let far: Vec<_> = names.iter().map(|name| world.look_up::<Note>(1, 0, name).unwrap()).collect();
    far[0].try_send(Note::Bytes(vec![0; 300_000])).unwrap();
    assert_eq!(far[0].try_send(Note::Number(0)), Err(SendError::Full));
    let outcomes: Vec<_> = far.iter().map(|far| far.try_send(Note::Number(1))).collect();
    let taken = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((3..8).contains(&taken), "{taken} of eight actors in four lanes");
    world.run();
    let came: usize = inboxes.iter_mut().skip(1).map(|inbox| usize::from(inbox.try_recv().is_some())).sum();
    assert_eq!(came, taken);
    assert!(
        far.iter().skip(1).all(|far| far.try_send(Note::Number(2)).is_ok()),
        "and room again in all of them"
    );
}

#[test]
fn two_actors_that_ask_each_other_with_full_mailboxes_do_not_wait_for_ever() {
    let mut limits = Limits::default();
    (limits.mailbox_window_bytes, limits.outbox_bytes, limits.mailbox_messages) = (1_000, 1_000, 2);
    let mut world = World::with_limits(2, limits);
    let done = Arc::new(AtomicUsize::new(0));
    for (here, there) in [(0, 1), (1, 0)] {
        let inbox = serve(&mut world, here, "clerk");
        world.spawn(clerk(inbox, log()));
        let far = world.look_up::<Note>(there, here, "clerk");
        assert!(far.is_ok());
    }
    for (here, there) in [(0, 1), (1, 0)] {
        let far = world.look_up::<Note>(here, there, "clerk").unwrap();
        // Each clerk keeps the other, and answers only when it has passed the question on.
        let back = world.look_up::<Note>(there, here, "clerk").unwrap();
        let near = far.clone();
        world.block_on(async move { near.send_confirmed(Note::Give(back)).await }).unwrap();
        for number in 0..200 {
            let (far, done) = (far.clone(), Arc::clone(&done));
            world.spawn(async move {
                let answer = far.ask(|reply| Note::PassOn(number, reply), 60 * SECOND).await;
                assert_eq!(answer, Ok(number + 1));
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
    }
    world.run();
    assert_eq!(done.load(Ordering::Relaxed), 400);
}

#[test]
fn one_sender_and_one_actor_keep_their_order_however_it_sends() {
    for seed in 0..200_u64 {
        let mut world = World::with_limits(2, {
            let mut limits = Limits::default();
            limits.mailbox_window_bytes = 1_500;
            limits.outbox_bytes = 600;
            limits
        });
        let seen = log();
        let inbox = serve(&mut world, 0, "clerk");
        let far = world.look_up::<Note>(1, 0, "clerk").unwrap();
        let sent = log();
        let noted = sent.clone();
        world.spawn(async move {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            for number in 0..120 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                match random % 5 {
                    0 => match far.try_send(Note::Number(number)) {
                        Ok(()) => {}
                        Err(SendError::Full) => continue,
                        Err(error) => panic!("{error}"),
                    },
                    1 => far.send_confirmed(Note::Number(number)).await.unwrap(),
                    2 => {
                        let answer = far.ask(|reply| Note::Ask(number, reply), SECOND).await;
                        assert_eq!(answer, Ok(number + 1));
                    }
                    _ => far.send(Note::Number(number)).await.unwrap(),
                }
                noted.lock().unwrap().push(number);
            }
        });
        // The actor begins when the line is long.
        for _ in 0..seed % 7 {
            world.poll_tasks();
            world.transmit(1);
            world.deliver_where(|side, lane| {
                ((seed >> lane) as usize + side).is_multiple_of(2).then_some(lane)
            });
        }
        world.spawn(clerk(inbox, seen.clone()));
        for round in 0..500 {
            world.poll_tasks();
            world.transmit(1 + round % 3);
            world.deliver(|lane| lane ^ (round % 8));
        }
        world.run();
        assert_eq!(*seen.lock().unwrap(), *sent.lock().unwrap());
        assert!(sent.lock().unwrap().len() > 60, "most were accepted");
    }
}

/// An actor of node 0 that gives back what it gets, as node 1 has it.
fn echo(world: &mut World) -> Address<Echo> {
    let (_, inbox) = world.nodes[0].serve("echo", Allow::Members, ServiceOptions::default()).unwrap();
    let mut inbox: Inbox<Echo> = inbox;
    world.spawn(async move {
        while let Some(Echo(bytes, reply)) = inbox.recv().await {
            reply.send(bytes);
        }
    });
    world.look_up(1, 0, "echo").unwrap()
}

#[test]
fn answers_do_not_wait_for_credit_and_those_that_nobody_reads_are_bounded() {
    let mut limits = Limits::default();
    limits.reply_backlog_bytes = 80_000;
    // Above 3,000, a body and the longest head in each of four lanes: 3.35 MB in all.
    (limits.outbox_bytes, limits.max_body_bytes) = (3_000, 20_000);
    limits.mailbox_window_bytes = 10_000_000;
    let mut world = World::with_limits(2, limits);
    let far = echo(&mut world);
    let outcomes = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    for _ in 0..1_000 {
        let (far, outcomes) = (far.clone(), outcomes.clone());
        world.spawn(async move {
            match far.ask(|reply| Echo(vec![7; 10_000], reply), 10 * SECOND).await {
                Ok(answer) => assert_eq!(answer.len(), 10_000),
                Err(AskError::NoRoom) => drop(outcomes[1].fetch_add(1, Ordering::Relaxed)),
                Err(error) => panic!("{error}"),
            }
            outcomes[0].fetch_add(1, Ordering::Relaxed);
        });
    }
    // All questions are answered before one answer is taken out.
    world.poll_tasks();
    for _ in 0..1_100 {
        world.transmit_where(usize::MAX, |node| node == 1);
        world.deliver_where(|_, lane| Some(lane));
        world.poll_tasks();
    }
    world.run();
    let [done, refused] = outcomes.map(|count| count.load(Ordering::Relaxed));
    assert_eq!(done, 1_000);
    assert!((640..670).contains(&refused), "{refused}");
}

#[test]
fn messages_that_a_peer_does_not_read_leave_room_for_its_answers() {
    let mut limits = Limits::default();
    limits.reply_backlog_bytes = 10_000;
    let mut world = World::with_limits(2, limits);
    let far = echo(&mut world);
    // One after the other, so that as many lanes as there are take them.
    let _inboxes: Vec<_> = (0..16).map(|number| serve(&mut world, 1, &format!("sink {number}"))).collect();
    for number in 0..16 {
        let sink = world.look_up::<Note>(0, 1, &format!("sink {number}")).unwrap();
        flood(&mut world, &sink, 3, 1_000_000);
    }
    let outcome = Arc::new(AtomicUsize::new(0));
    {
        let outcome = Arc::clone(&outcome);
        world.spawn(async move {
            let answer = far.ask(|reply| Echo(vec![7; 5_000], reply), 10 * SECOND).await;
            assert_eq!(answer.map(|answer| answer.len()), Ok(5_000));
            outcome.fetch_add(1, Ordering::Relaxed);
        });
    }
    // The question arrives and is answered while nothing leaves node 0.
    for _ in 0..10 {
        world.poll_tasks();
        world.transmit_where(usize::MAX, |node| node == 1);
        world.deliver_where(|_, lane| Some(lane));
    }
    assert_eq!(outcome.load(Ordering::Relaxed), 0);
    world.run();
    assert_eq!(outcome.load(Ordering::Relaxed), 1);
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Echo(Vec<u8>, actor_proxy::ReplyTo<Vec<u8>>);

impl actor_proxy::Message for Echo {
    const SCHEMA: actor_proxy::Schema = actor_proxy::Schema::new("test.echo/1");
}

#[test]
fn open_questions_to_a_silent_peer_are_bounded() {
    let mut limits = Limits::default();
    limits.max_asks = 100;
    let mut world = World::with_limits(2, limits);
    let _inbox = serve(&mut world, 0, "silent");
    let far = world.look_up::<Note>(1, 0, "silent").unwrap();
    let refused = Arc::new(AtomicUsize::new(0));
    for number in 0..150 {
        let (far, refused) = (far.clone(), Arc::clone(&refused));
        world.spawn(async move {
            match far.ask(|reply| Note::Ask(number, reply), 10 * SECOND).await {
                Err(AskError::TimedOut) => {}
                Err(AskError::Send(SendError::TableFull { what: Table::Asks, limit: 100 })) => {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                other => panic!("{other:?}"),
            }
        });
    }
    world.run();
    assert_eq!(refused.load(Ordering::Relaxed), 50);
    assert_eq!(world.nodes[1].table_sizes().2, 100);
    world.advance(11 * SECOND);
    assert_eq!(world.nodes[1].table_sizes().2, 0);
}
