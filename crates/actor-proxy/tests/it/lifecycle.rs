//! How sessions, nodes and actors begin again and end, and what users' own code may do meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actor_proxy::{
    Address, Allow, AskError, Ended, Inbox, Message, ReplyTo, Schema, SendError, ServiceError, ServiceOptions,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::cast::{Log, Note, clerk, log};
use crate::raw;
use crate::world::{World, node_id};

const SECOND: Duration = Duration::from_secs(1);

/// A clerk of 0, as 1 has it.
fn meet() -> (World, Address<Note>, Log) {
    let (mut world, seen) = (World::new(2), log());
    let (_, inbox) = world.nodes[0].serve("clerk", Allow::Members, ServiceOptions::default()).unwrap();
    world.spawn(clerk(inbox, seen.clone()));
    let far = world.look_up(1, 0, "clerk").unwrap();
    (world, far, seen)
}

fn ask(world: &mut World, address: &Address<Note>, number: u64) -> Result<u64, AskError> {
    let address = address.clone();
    world.block_on(async move { address.ask(|reply| Note::Ask(number, reply), SECOND).await })
}

/// Waits in the background; what it was told comes into the list.
fn watch(world: &mut World, address: &Address<Note>) -> Arc<std::sync::Mutex<Vec<Ended>>> {
    let (ends, watched) = (Arc::default(), address.clone());
    let noted: Arc<std::sync::Mutex<Vec<Ended>>> = Arc::clone(&ends);
    world.spawn(async move {
        let ended = watched.ended().await;
        noted.lock().unwrap().push(ended);
    });
    world.run();
    ends
}

#[test]
fn an_address_works_by_itself_after_an_idle_close() {
    let (mut world, far, seen) = meet();
    for round in 0..5 {
        world.disconnect(0, 1);
        world.advance(Duration::from_secs(600));
        assert_eq!(ask(&mut world, &far, round), Ok(round + 1));
        world.disconnect(0, 1);
        far.try_send(Note::Number(100 + round)).unwrap();
        world.run();
    }
    assert_eq!(*seen.lock().unwrap(), [0, 100, 1, 101, 2, 102, 3, 103, 4, 104]);
}

#[test]
fn what_an_absent_peer_holds_is_kept_for_an_hour() {
    let mut world = World::new(2);
    let (own, mut inbox) = world.nodes[0].mailbox::<Note>();
    let (_, mut desk) = world.nodes[1].serve("desk", Allow::Members, ServiceOptions::default()).unwrap();
    world.look_up(0, 1, "desk").unwrap().try_send(Note::Give(own)).unwrap();
    world.run();
    let Some((Note::Give(far), _)) = desk.try_recv() else { panic!("nothing came") };
    for (minutes, outcome) in [(59, true), (61, false)] {
        world.disconnect(0, 1);
        world.advance(Duration::from_secs(60 * minutes));
        let clone = far.clone();
        let confirmed = world.block_on(async move { clone.send_confirmed(Note::Number(minutes)).await });
        assert_eq!(confirmed.is_ok(), outcome, "after {minutes} minutes: {confirmed:?}");
        assert_eq!(inbox.try_recv().is_some(), outcome);
    }
    // Nobody has it any more: the actor heard so.
    let heard = world.block_on(async move { inbox.recv().await.is_none() });
    assert!(heard);
    assert_eq!(far.try_send(Note::Number(1)), Err(SendError::Ended(Ended::Expired)));
}

#[test]
fn a_restart_in_the_middle_of_questions_gives_each_one_outcome() {
    for lead in 0..12 {
        let (mut world, far, _) = meet();
        let outcomes = Arc::<std::sync::Mutex<Vec<_>>>::default();
        for number in 0..50 {
            let (far, outcomes) = (far.clone(), Arc::clone(&outcomes));
            world.spawn(async move {
                let outcome = far.ask(|reply| Note::Ask(number, reply), 30 * SECOND).await;
                outcomes.lock().unwrap().push(outcome);
            });
        }
        for step in 0..lead {
            match step % 3 {
                0 => drop(world.poll_tasks()),
                1 => drop(world.transmit(7)),
                _ => drop(world.deliver(|lane| lane)),
            }
        }
        world.restart(0);
        world.run();
        world.advance(31 * SECOND);
        let outcomes = outcomes.lock().unwrap();
        assert_eq!(outcomes.len(), 50);
        for outcome in outcomes.iter() {
            match outcome {
                Ok(_) | Err(AskError::Lost { .. } | AskError::Ended(Ended::Restarted)) => {}
                Err(AskError::Send(SendError::Ended(Ended::Restarted) | SendError::Unreachable(_))) => {}
                other => panic!("{other:?}"),
            }
        }
        world.connect(1, 0);
        assert_eq!(far.try_send(Note::Number(1)), Err(SendError::Ended(Ended::Restarted)));
    }
}

#[test]
fn watchers_hear_why_before_and_after() {
    type End = fn(&mut World, &Address<Note>);
    let ends: [(End, Ended); 4] = [
        (|_, far| far.try_send(Note::Stop).unwrap(), Ended::Finished),
        (|_, far| far.try_send(Note::Panic).unwrap(), Ended::Panicked),
        (|world, _| assert!(world.nodes[0].withdraw("clerk")), Ended::Withdrawn),
        (
            |world, _| {
                world.restart(0);
                world.connect(0, 1);
            },
            Ended::Restarted,
        ),
    ];
    for (end, why) in ends {
        let (mut world, far, _) = meet();
        let told = watch(&mut world, &far);
        assert!(world.exchange(1, 0).is_awaited());
        end(&mut world, &far);
        world.run();
        assert_eq!(*told.lock().unwrap(), std::slice::from_ref(&why));
        assert_eq!(*watch(&mut world, &far).lock().unwrap(), std::slice::from_ref(&why), "afterwards");
        assert!(!world.exchange(1, 0).is_awaited());
        assert_eq!(far.try_send(Note::Number(1)), Err(SendError::Ended(why.clone())));
        assert!(
            matches!(ask(&mut world, &far, 1), Err(AskError::Send(SendError::Ended(ended))) if ended == why)
        );
        // The node lives.
        let (_, inbox) = world.nodes[0].serve("clerk", Allow::Members, ServiceOptions::default()).unwrap();
        world.spawn(clerk(inbox, log()));
        let again = world.look_up(1, 0, "clerk").unwrap();
        assert_eq!(ask(&mut world, &again, 1), Ok(2));
    }
}

#[test]
fn a_watcher_keeps_the_session_and_hears_when_it_cannot_be_had() {
    let (mut world, far, _) = meet();
    let told = watch(&mut world, &far);
    world.disconnect(0, 1);
    world.run();
    assert!(world.is_connected(0, 1) && told.lock().unwrap().is_empty(), "it dials again");
    world.cut.push((0, 1));
    world.disconnect(0, 1);
    world.run();
    assert!(matches!(told.lock().unwrap()[..], [Ended::Unreachable(_)]));
    world.cut.clear();
    assert_eq!(ask(&mut world, &far, 1), Ok(2), "it may live");
}

#[test]
fn a_node_that_has_shut_down_is_silent() {
    let (mut world, far, _) = meet();
    let own = world.nodes[0].service::<Note>("clerk").unwrap();
    let (own_end, far_end) = (watch(&mut world, &own), watch(&mut world, &far));
    world.nodes[1].shutdown();
    world.run();
    assert_eq!(*far_end.lock().unwrap(), [Ended::Shutdown]);
    assert_eq!(far.try_send(Note::Number(1)), Err(SendError::Ended(Ended::Shutdown)));
    assert!(own_end.lock().unwrap().is_empty());
    world.nodes[0].shutdown();
    world.run();
    assert_eq!(*own_end.lock().unwrap(), [Ended::Shutdown]);
    // A session that comes too late carries nothing.
    let exchange = world.nodes[0].connected(world.nodes[1].me());
    assert!(exchange.outgoing(&std::task::Context::from_waker(std::task::Waker::noop())).is_none());
}

#[test]
fn a_farewell_is_heard_within_the_session_and_loses_nothing() {
    let (mut world, far, _) = meet();
    let (_, mut desk) = world.nodes[1].serve("desk", Allow::Members, ServiceOptions::default()).unwrap();
    let (own, mut inbox) = world.nodes[0].mailbox::<Note>();
    let to_desk = world.look_up(0, 1, "desk").unwrap();
    to_desk.try_send(Note::Give(own)).unwrap();
    world.run();
    let Some((Note::Give(given), _)) = desk.try_recv() else { panic!("nothing came") };
    let (service_end, actor_end) = (watch(&mut world, &far), watch(&mut world, &given));
    given.try_send(Note::Number(1)).unwrap();
    world.run();
    to_desk.try_send(Note::Number(2)).unwrap();
    world.nodes[0].farewell();
    let late = world.nodes[0].serve::<Note>("late", Allow::Members, ServiceOptions::default());
    assert_eq!(late.err(), Some(actor_proxy::ServeError::Shutdown));
    world.run();
    assert!(world.is_connected(0, 1));
    assert_eq!(
        (&*service_end.lock().unwrap(), &*actor_end.lock().unwrap()),
        (&vec![Ended::Shutdown], &vec![Ended::Shutdown])
    );
    assert_eq!(given.try_send(Note::Number(3)), Err(SendError::Ended(Ended::Shutdown)));
    assert!(matches!(inbox.try_recv(), Some((Note::Number(1), _))), "what had come is read");
    assert!(matches!(desk.try_recv(), Some((Note::Number(2), _))), "what was accepted leaves");
    assert_eq!(world.nodes[0].table_sizes().0, 0);
}

#[test]
fn an_address_that_ended_before_it_was_sent_says_so() {
    let (mut world, far, _) = meet();
    let (_, mut desk) = world.nodes[0].serve("desk", Allow::Members, ServiceOptions::default()).unwrap();
    let (own, inbox) = world.nodes[1].mailbox::<Note>();
    drop((inbox, far));
    world.look_up(1, 0, "desk").unwrap().try_send(Note::Give(own)).unwrap();
    world.run();
    let Some((Note::Give(dead), _)) = desk.try_recv() else { panic!("nothing came") };
    assert_eq!(*watch(&mut world, &dead).lock().unwrap(), [Ended::Finished]);
    assert_eq!(dead.try_send(Note::Number(1)), Err(SendError::Ended(Ended::Finished)));
}

#[test]
fn one_holder_less_is_not_the_end() {
    let mut world = World::new(3);
    let (_, inbox) = world.nodes[0].serve("clerk", Allow::Members, ServiceOptions::default()).unwrap();
    world.spawn(clerk(inbox, log()));
    let one = world.look_up::<Note>(1, 0, "clerk").unwrap();
    let two = world.look_up::<Note>(2, 0, "clerk").unwrap();
    drop(one);
    world.advance(30 * SECOND);
    assert_eq!(world.nodes[1].table_sizes(), (0, 0, 0));
    assert_eq!(ask(&mut world, &two, 1), Ok(2));
}

/// What users' own code may do while a message is written, read or dropped.
#[derive(Debug)]
enum Odd {
    Plain(u8),
    PanicsWhenWritten,
    PanicsWhenRead,
    FailsWhenWritten,
    /// Sends a message of its own.
    Sends(Address<Note>),
}

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = match self {
            Self::Plain(number) => (*number, None),
            Self::PanicsWhenWritten => panic!("while it is written"),
            Self::PanicsWhenRead => (255, None),
            Self::FailsWhenWritten => return Err(ser::Error::custom("as it was told")),
            Self::Sends(address) => {
                address.try_send(Note::Give(address.clone())).map_err(ser::Error::custom)?;
                (254, Some(address))
            }
        };
        plain.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Deserialize::deserialize(deserializer)? {
            (255_u8, None) => panic!("while it is read"),
            (number, None::<Address<Note>>) => Ok(Self::Plain(number)),
            (_, Some(address)) => {
                address.try_send(Note::Give(address.clone())).map_err(de::Error::custom)?;
                Ok(Self::Sends(address))
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct OddOnes(ReplyTo<Odd>, Odd, Address<Note>);

impl Message for OddOnes {
    const SCHEMA: Schema = Schema::new("test.odd/1");
}

async fn echo(mut inbox: Inbox<OddOnes>) {
    while let Some(OddOnes(reply, odd, _)) = inbox.recv().await {
        let odd = match odd {
            Odd::Plain(1) => Odd::PanicsWhenRead,
            Odd::Plain(2) => Odd::FailsWhenWritten,
            Odd::Plain(3) => {
                let written = std::panic::AssertUnwindSafe(|| reply.send(Odd::PanicsWhenWritten));
                assert!(std::panic::catch_unwind(written).is_err());
                continue;
            }
            odd => odd,
        };
        reply.send(odd);
    }
}

#[test]
fn users_code_may_panic_and_send_while_it_is_written_and_read() {
    let (mut world, far, seen) = meet();
    let (_, inbox) = world.nodes[0].serve("echo", Allow::Members, ServiceOptions::default()).unwrap();
    world.spawn(echo(inbox));
    let odd = world.look_up::<OddOnes>(1, 0, "echo").unwrap();
    let asked = |world: &mut World, what: Odd| {
        let (odd, extra) = (odd.clone(), far.clone());
        let asking = async move {
            odd.ask(|reply| OddOnes(reply, what, extra), SECOND).await.map(|odd| format!("{odd:?}"))
        };
        world.block_on(asking)
    };
    for _ in 0..3 {
        assert_eq!(asked(&mut world, Odd::Plain(9)).unwrap(), "Plain(9)");
        let broken = asked(&mut world, Odd::FailsWhenWritten);
        assert!(matches!(broken, Err(AskError::Send(SendError::Encode(_)))), "{broken:?}");
        assert_eq!(asked(&mut world, Odd::PanicsWhenRead).unwrap_err(), AskError::Malformed);
        assert!(matches!(asked(&mut world, Odd::Plain(1)), Err(AskError::BadReply(_))));
        assert_eq!(asked(&mut world, Odd::Plain(2)).unwrap_err(), AskError::ReplyFailed);
        assert_eq!(asked(&mut world, Odd::Plain(3)).unwrap_err(), AskError::NoReply);
        let (clone, extra) = (odd.clone(), far.clone());
        let written = world.block_on(async move {
            let sent = std::panic::AssertUnwindSafe(|| {
                let mut asking =
                    Box::pin(clone.ask(|reply| OddOnes(reply, Odd::PanicsWhenWritten, extra), SECOND));
                let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
                let _ = asking.as_mut().poll(context);
            });
            std::panic::catch_unwind(sent).is_err()
        });
        assert!(written);
        // Four times a message inside of a message: both ways, written and read, each with its own table.
        let nested = asked(&mut world, Odd::Sends(far.clone())).unwrap();
        assert!(nested.starts_with("Sends"), "{nested}");
        assert_eq!(ask(&mut world, &far, 5), Ok(6));
    }
    assert_eq!(*seen.lock().unwrap(), [5; 3]);
    // Outside of all that there is no scope left.
    assert!(serde_json::to_string(&far).is_err());
    let forget = far.clone();
    world.block_on(async move { forget.send(Note::Forget).await }).unwrap();
    drop((odd, far));
    world.advance(25 * SECOND);
    for node in &world.nodes {
        assert_eq!(node.table_sizes(), (0, 0, 0));
    }
}

/// Speaks with actors when it is dropped.
#[derive(Serialize, Deserialize)]
struct Farewell {
    to: Address<Note>,
    #[serde(skip)]
    count: Option<Arc<AtomicUsize>>,
    reply: Option<ReplyTo<Farewell>>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.to.try_send(Note::Number(1)).ok();
        drop(self.to.clone());
        if let Some(count) = &self.count {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Message for Farewell {
    const SCHEMA: Schema = Schema::new("test.farewell/1");
}

#[test]
fn what_speaks_with_actors_when_it_is_dropped_holds_up_nothing() {
    let (mut world, far, seen) = meet();
    let count = Arc::new(AtomicUsize::new(0));
    let farewell = |reply| Farewell { to: far.clone(), count: Some(Arc::clone(&count)), reply };
    // In a mailbox that is abandoned, in its line, and in a line that is left.
    let (own, inbox) = world.nodes[1].mailbox_with::<Farewell>(ServiceOptions::default().with_mailbox(1));
    own.try_send(farewell(None)).unwrap();
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(own.send(farewell(None)))).collect();
    for one in &mut waiting {
        assert!(one.as_mut().poll(context).is_pending());
    }
    assert!(own.try_send(farewell(None)).is_err());
    waiting.pop();
    drop(inbox);
    for mut one in waiting {
        assert!(one.as_mut().poll(context).is_ready());
    }
    assert_eq!(count.load(Ordering::Relaxed), 5);
    // As an answer that nobody takes, here and from elsewhere.
    let (_, inbox) = world.nodes[0].serve("echo", Allow::Members, ServiceOptions::default()).unwrap();
    let remote = world.look_up::<Farewell>(1, 0, "echo").unwrap();
    let (local, own_inbox) = world.nodes[1].mailbox::<Farewell>();
    for mut inbox in [inbox, own_inbox] {
        world.spawn(async move {
            while let Some(mut one) = inbox.recv().await {
                let to = one.to.clone();
                if let Some(reply) = one.reply.take() {
                    reply.send(Farewell { to, count: None, reply: None });
                }
            }
        });
    }
    for address in [remote, local] {
        let mut asking = Box::pin(address.ask(|reply| farewell(Some(reply)), SECOND));
        assert!(asking.as_mut().poll(context).is_pending());
        world.run();
        drop(asking);
        let mut asking = Box::pin(address.ask(|reply| farewell(Some(reply)), SECOND));
        assert!(asking.as_mut().poll(context).is_pending());
        drop(asking);
        world.run();
    }
    world.disconnect(0, 1);
    world.run();
    assert!(seen.lock().unwrap().len() >= 9);
}

#[test]
fn an_address_that_nobody_holds_is_kept_for_ten_seconds() {
    let mut world = World::new(2);
    let (own, mut inbox) = world.nodes[0].mailbox::<Note>();
    let (_, mut desk) =
        world.nodes[1].serve::<Note>("desk", Allow::Members, ServiceOptions::default()).unwrap();
    world.look_up(0, 1, "desk").unwrap().try_send(Note::Give(own)).unwrap();
    world.run();
    drop(desk.try_recv());
    world.run();
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    world.pass(9 * SECOND);
    assert!(inbox.poll_recv(context).is_pending());
    world.pass(2 * SECOND);
    assert!(inbox.poll_recv(context).is_ready(), "nobody has it any more");
}

#[test]
fn with_the_last_clone_of_the_actors_everything_of_theirs_goes() {
    let marker = Arc::new(());
    let (kept, start) = (Arc::clone(&marker), std::time::Instant::now());
    let node = actor_proxy::Actors::new(actor_proxy::Surroundings {
        me: node_id(0, 1),
        seed: [1; 32],
        clock: Arc::new(move || start),
        may_speak_with: Arc::new(move |_| Arc::strong_count(&kept) > 0),
        limits: actor_proxy::Limits::default(),
    });
    let (_, inbox) = node.serve::<Note>("clerk", Allow::Members, ServiceOptions::default()).unwrap();
    let exchange = node.connected(node_id(1, 1));
    let look_up = raw::cat(&[&[raw::LOOK_UP], &raw::tag(1), &raw::text("clerk")]);
    exchange.handle_messages(start, [raw::hello(), look_up]).0.unwrap();
    assert_eq!(node.table_sizes().0, 1);
    let clone = node.clone();
    drop((node, exchange));
    // The peer is remembered for as long as it may come again.
    assert_eq!(clone.table_sizes().0, 1);
    drop((clone, inbox));
    assert_eq!(Arc::strong_count(&marker), 1);
}

#[test]
fn a_peer_of_whom_nothing_is_known_goes_with_the_last_who_looks_at_it() {
    let world = World::new(1);
    let actors = &world.nodes[0];
    let known = || actors.registry_sizes().0;
    let exchange = actors.connected(node_id(9, 1));
    let mut context = Context::from_waker(Waker::noop());
    let mut looking = Box::pin(exchange.service::<Note>("clerk"));
    assert!(looking.as_mut().poll(&mut context).is_pending());
    let not_begun = exchange.services();
    drop(exchange);
    let Poll::Ready(Err(ServiceError::Ask(AskError::Lost { maybe_delivered: false }))) =
        looking.as_mut().poll(&mut context)
    else {
        panic!("the end of the session was not told");
    };
    drop(looking);
    assert_eq!(known(), 1);
    drop(not_begun);
    assert_eq!(known(), 0);
}
