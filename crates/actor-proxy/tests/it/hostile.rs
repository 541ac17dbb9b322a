//! Peers that say what they should not: the node lives, its memory has bounds, and who waits for something hears of it.

use std::time::Duration;

use actor_proxy::{
    Address, Allow, AskError, Inbox, Limits, Message, PeerFault, ReplyTo, Schema, SendError, ServiceError,
    ServiceOptions,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cast::{Note, clerk, log};
use crate::raw::{self, Stranger, cat, message, message_with, mine, reply, tag, third, yours};
use crate::world::node_id;

const SECOND: Duration = Duration::from_secs(1);
const MALFORMED: u8 = 2;
const NO_ROOM: u8 = 4;
const EXPIRED: u8 = 0x14;

#[derive(Serialize, Deserialize)]
enum Probe {
    Plain(ReplyTo<u8>),
    Whose(ReplyTo<u8>, Address<Note>),
    Units(ReplyTo<u8>, Vec<()>),
    Nest(ReplyTo<u8>, Nest),
    Bytes(ReplyTo<u8>, Vec<u8>),
    Twice(ReplyTo<u8>, ReplyTo<u8>),
}

#[derive(Serialize, Deserialize)]
struct Nest(Option<Box<Nest>>);

impl Message for Probe {
    const SCHEMA: Schema = Schema::new("test.probe/1");
}

async fn prober(mut inbox: Inbox<Probe>) {
    while let Some(probe) = inbox.recv().await {
        match probe {
            Probe::Plain(reply)
            | Probe::Whose(reply, _)
            | Probe::Units(reply, _)
            | Probe::Nest(reply, _)
            | Probe::Bytes(reply, _) => reply.send(1),
            Probe::Twice(one, other) => {
                one.send(1);
                other.send(2);
            }
        }
    }
}

/// A node with a prober, and its tag.
fn probed(limits: Limits) -> (Stranger, u32) {
    let mut stranger = Stranger::new(limits);
    let served = stranger.node().serve("prober", Allow::Members, ServiceOptions::default());
    stranger.world.spawn(prober(served.unwrap().1));
    let (to, _) = stranger.look_up("prober");
    (stranger, to)
}

/// The node is as it was: it answers.
fn lives(stranger: &mut Stranger, to: u32) {
    stranger.say(message_with(to, None, &[reply(999)], &[0, 0])).unwrap();
    assert_eq!(stranger.hear(raw::REPLY), [cat(&[&tag(999), &[0, 0], &[1]])]);
}

fn refusal(ask: u32, code: u8) -> bytes::Bytes {
    cat(&[&tag(ask), &[code]])
}

#[test]
fn bodies_that_cannot_be_read_are_malformed_and_the_session_lives() {
    let (mut stranger, to) = probed(Limits::default());
    let table = [reply(5), mine([7; 16], 70, 1_000, "other.schema/1")];
    let nest = [&[3, 0][..], &[1; 5_000], &[0]].concat();
    let bodies: [&[u8]; 11] = [
        &[],
        &[99, 0],
        // An index beyond the table, and one of an address where a one-time address stands.
        &[0, 9],
        &[0, 1],
        // Another schema than the type says.
        &[1, 0, 1],
        // Nine bytes that announce 2^64 - 1 bytes, and as many units.
        &[4, 0, 253, 255, 255, 255, 255, 255, 255, 255, 255],
        &[2, 0, 253, 255, 255, 255, 255, 255, 255, 255, 255],
        &nest,
        // One too few, one too many.
        &[4, 0, 2, 1],
        &[0, 0, 0],
        // The same one-time address twice.
        &[5, 0, 0],
    ];
    for body in bodies {
        stranger.say(message_with(to, None, &table, body)).unwrap();
        assert_eq!(stranger.hear(raw::REFUSAL), [refusal(5, MALFORMED)], "{body:?}");
        lives(&mut stranger, to);
    }
    // What came with them was given back.
    stranger.world.pass(SECOND);
    assert_eq!(stranger.node().table_sizes(), (1, 1, 0));
    assert!(stranger.say(message(to, &[])).is_ok());
}

#[test]
fn names_that_nobody_was_given_lead_nowhere() {
    let (mut stranger, to) = probed(Limits::default());
    // As an address it is one of something that is gone; as a one-time address it is none.
    stranger.say(message_with(to, None, &[reply(5), yours([9; 16])], &[1, 0, 1])).unwrap();
    assert_eq!(stranger.hear(raw::REPLY), [cat(&[&tag(5), &[0, 0], &[1]])]);
    stranger.say(message_with(to, None, &[reply(5), yours([9; 16])], &[5, 0, 1])).unwrap();
    assert_eq!(stranger.hear(raw::REFUSAL), [refusal(5, MALFORMED)]);
    // To tags that never were, and that were.
    let before = stranger.look_up("prober").0;
    for stale in [before ^ 1, 0, u32::MAX] {
        stranger.say(message_with(stale, Some(6), &[reply(5), mine([7; 16], 70, 9, "x")], &[0, 0])).unwrap();
        stranger.listen();
        let heard = std::mem::take(&mut stranger.heard);
        assert!(heard.contains(&cat(&[&[raw::REFUSAL], &refusal(5, EXPIRED)])));
        assert!(heard.contains(&cat(&[&[raw::REFUSAL], &refusal(6, EXPIRED)])));
        assert!(heard.contains(&cat(&[&[raw::RELEASE], &tag(70), &[1, 0, 0, 0]])));
        assert!(heard.contains(&cat(&[&[raw::ENDED], &tag(stale), &[4]])));
    }
    stranger.say(cat(&[&[raw::HOLD], &[9; 16]])).unwrap();
    assert_eq!(stranger.hear(raw::GONE), [cat(&[&[9; 16], &[4]])]);
    lives(&mut stranger, to);
}

#[test]
fn forged_nodes_cost_a_dial_and_end_as_unreachable() {
    let mut stranger = Stranger::new(Limits::default());
    let served = stranger.node().serve::<Note>("desk", Allow::Members, ServiceOptions::default());
    let mut desk = served.unwrap().1;
    let (to, _) = stranger.look_up("desk");
    let forged = node_id(9, 9);
    // `Give`, the third variant.
    stranger.say(message_with(to, None, &[third(forged, [3; 16], "test.note/1")], &[2, 0])).unwrap();
    let Some((Note::Give(address), _)) = desk.try_recv() else { panic!("nothing came") };
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(stranger.node().poll_wanted(context), std::task::Poll::Ready(forged));
    address.try_send(Note::Number(1)).unwrap();
    let why = actor_proxy::Unreachable::new(crate::world::NobodyAnswers, true);
    stranger.node().handle_unreachable(&forged, &why);
    // The node is there, and does not know the actor.
    let exchange = stranger.node().connected(forged);
    let gone = cat(&[&[raw::GONE], &[3; 16], &[4]]);
    exchange.handle_messages(stranger.world.now(), [raw::hello(), gone]).0.unwrap();
    assert_eq!(address.try_send(Note::Number(1)), Err(SendError::Ended(actor_proxy::Ended::Expired)));
    drop((address, exchange));
    stranger.world.pass(SECOND);
    assert_eq!(stranger.node().table_sizes(), (1, 0, 0));
}

#[test]
fn answers_that_do_not_fit_their_questions() {
    let mut stranger = Stranger::new(Limits::default());
    let outcomes = log();
    for _ in 0..2 {
        let lookup = stranger.exchange.service::<Note>("desk");
        let outcomes = outcomes.clone();
        stranger.world.spawn(async move {
            let error = lookup.await.unwrap_err();
            let expected = (String::from("test.note/1"), String::from("other/1"));
            match error {
                ServiceError::WrongSchema { expected: e, found }
                    if (&e, &found) == (&expected.0, &expected.1) =>
                {
                    outcomes.lock().unwrap().push(1);
                }
                ServiceError::NoSuchService => outcomes.lock().unwrap().push(2),
                other => panic!("{other}"),
            }
        });
    }
    let asked: Vec<_> = stranger.hear(raw::LOOK_UP).iter().map(|ask| ask.slice(..4)).collect();
    assert_eq!(asked.len(), 2);
    // Kinds of answers that this question does not have, unknown ones, and all of them again.
    for _ in 0..2 {
        for ask in [&asked[0][..], &asked[1], &[0; 4]] {
            stranger.say(cat(&[&[raw::CONFIRMED], ask])).unwrap();
            stranger.say(cat(&[&[raw::SERVICES], ask, &[0, 0]])).unwrap();
            stranger.say(cat(&[&[raw::REPLY], ask, &[0, 0]])).unwrap();
        }
    }
    assert!(outcomes.lock().unwrap().is_empty());
    for _ in 0..2 {
        stranger.say(cat(&[&[raw::FOUND], &asked[0], &raw::offer([1; 16], 1, 9, "other/1")])).unwrap();
        stranger.say(cat(&[&[raw::REFUSAL], &asked[1], &[6]])).unwrap();
    }
    assert_eq!(*outcomes.lock().unwrap(), [1, 2]);
    // The address that nobody wanted was given back as often as it came.
    let released: u32 = stranger.hear(raw::RELEASE).iter().map(|one| u32::from(one[4])).sum();
    assert_eq!(released, 2);
}

#[test]
fn news_of_nothing_change_nothing() {
    let (mut stranger, to) = probed(Limits::default());
    let offer = raw::offer([1; 16], 1, 9, "other/1");
    let news = [
        cat(&[&[raw::CONFIRMED], &tag(1)]),
        cat(&[&[raw::REFUSAL], &tag(1), &[3]]),
        cat(&[&[raw::REFUSAL], &tag(1), &[255]]),
        cat(&[&[raw::CREDIT], &tag(1), &[255; 8]]),
        cat(&[&[raw::CREDIT], &tag(to), &[255; 8]]),
        cat(&[&[raw::ENDED], &tag(to), &[1]]),
        cat(&[&[raw::ENDED], &tag(5), &[200]]),
        cat(&[&[raw::GONE], &[1; 16], &[1]]),
        cat(&[&[raw::RELEASE], &tag(5), &[255; 4]]),
        cat(&[&[raw::HELD], &offer]),
        cat(&[&[raw::FOUND], &tag(3), &offer]),
        cat(&[&[raw::HOLDS_DONE]]),
        raw::hello(),
    ];
    for _ in 0..3 {
        for envelope in &news {
            stranger.say(envelope.clone()).unwrap();
            lives(&mut stranger, to);
        }
    }
    // More given back than was got: kept for as long as an address that nobody holds, and told then.
    stranger.say(cat(&[&[raw::RELEASE], &tag(to), &[255; 4]])).unwrap();
    lives(&mut stranger, to);
    stranger.world.pass(11 * SECOND);
    assert_eq!(stranger.hear(raw::ENDED), [cat(&[&tag(to), &[4]])]);
    assert_eq!(stranger.node().table_sizes().0, 0);
}

#[test]
fn full_tables_are_told_in_both_directions() {
    let mut limits = Limits::default();
    (limits.max_imports, limits.max_exports, limits.max_asks) = (2, 2, 3);
    let (mut stranger, to) = probed(limits);
    // More addresses than this node takes: those that are too many are gone, and all that came are given back.
    let table: Vec<_> =
        [reply(5)].into_iter().chain((1..=9).map(|n| mine([n; 16], n.into(), 9, "test.note/1"))).collect();
    stranger.say(message_with(to, None, &table, &[1, 0, 9])).unwrap();
    stranger.listen();
    let heard = std::mem::take(&mut stranger.heard);
    assert!(heard.contains(&cat(&[&[raw::REPLY], &tag(5), &[0, 0], &[1]])));
    let released: Vec<_> = heard.iter().filter(|one| one[0] == raw::RELEASE).collect();
    assert_eq!(released.len(), 9, "{released:?}");
    // More one-time addresses than this node keeps.
    let table: Vec<_> = (1..=5).map(reply).collect();
    stranger.say(message_with(to, None, &table, &[0, 0])).unwrap();
    let refused = stranger.hear(raw::REFUSAL);
    assert!(refused.contains(&refusal(4, NO_ROOM)) && refused.contains(&refusal(5, NO_ROOM)), "{refused:?}");
    // More of its own than it lends.
    for name in ["one", "two"] {
        let served = stranger.node().serve::<Note>(name, Allow::Members, ServiceOptions::default());
        stranger.world.spawn(clerk(served.unwrap().1, log()));
    }
    stranger.look_up("one");
    stranger.say(cat(&[&[raw::LOOK_UP], &tag(8), &raw::text("two")])).unwrap();
    assert_eq!(stranger.hear(raw::REFUSAL), [refusal(8, NO_ROOM)]);
    lives(&mut stranger, to);
}

#[test]
fn bodies_that_are_too_large_are_refused_and_the_session_lives() {
    let mut limits = Limits::default();
    limits.max_body_bytes = 10_000;
    let (mut stranger, to) = probed(limits);
    let most = stranger.node().max_message_bytes();
    let table = [reply(5), mine([7; 16], 70, 9, "x")];
    let large = message_with(to, Some(6), &table, &vec![0; most]);
    stranger.say(large.clone()).unwrap();
    stranger.exchange.refuse_message(&large.slice(..5_000)).unwrap();
    stranger.listen();
    let heard = std::mem::take(&mut stranger.heard);
    for expected in [refusal(5, NO_ROOM), refusal(6, NO_ROOM)] {
        let count = heard.iter().filter(|one| **one == cat(&[&[raw::REFUSAL], &expected])).count();
        assert_eq!(count, 2);
    }
    assert_eq!(heard.iter().filter(|one| one[0] == raw::RELEASE).count(), 2);
    lives(&mut stranger, to);
    // It is the body that counts, not the envelope.
    stranger.say(message_with(to, Some(16), &[reply(15)], &vec![0; 10_001])).unwrap();
    assert_eq!(stranger.hear(raw::REFUSAL), [refusal(15, NO_ROOM), refusal(16, NO_ROOM)]);
    lives(&mut stranger, to);
    // An answer that is too large ends the question.
    let served = stranger.node().serve::<Note>("desk", Allow::Members, ServiceOptions::default());
    let mut desk = served.unwrap().1;
    let (at, _) = stranger.look_up("desk");
    stranger.say(message_with(at, None, &[mine([8; 16], 80, 9_000, "test.note/1")], &[2, 0])).unwrap();
    let Some((Note::Give(far), _)) = desk.try_recv() else { panic!("nothing came") };
    let outcome = log();
    let noted = outcome.clone();
    stranger.world.spawn(async move {
        let error = far.ask(|reply| Note::Ask(1, reply), 10 * SECOND).await;
        assert_eq!(error, Err(AskError::ReplyFailed));
        noted.lock().unwrap().push(1);
    });
    let asked = stranger.hear(raw::MESSAGE_WITH).pop().unwrap();
    // tag, flag, tag, count, kind of entry, then the question.
    let ask = u32::from_le_bytes(asked[12..16].try_into().unwrap());
    stranger.say(raw::answer(ask, &[], &vec![0; most])).unwrap();
    assert_eq!(outcome.lock().unwrap().len(), 1);
}

#[test]
fn more_than_was_granted_ends_the_session() {
    let mut limits = Limits::default();
    limits.mailbox_window_bytes = 1_000;
    let mut stranger = Stranger::new(limits);
    let served = stranger.node().serve::<Note>("slow", Allow::Members, ServiceOptions::default());
    let _inbox = served.unwrap().1;
    let (to, _) = stranger.look_up("slow");
    // A hundred bytes each, at their cost.
    let outcomes: Vec<_> = (0..12).map(|_| stranger.say(message(to, &[0; 36]))).collect();
    let first = outcomes.iter().position(|outcome| *outcome == Err(PeerFault::CreditExceeded));
    assert_eq!(first, Some(10));
}

#[test]
fn who_asks_without_end_and_does_not_read_is_cut_off() {
    for ask in [
        cat(&[&[raw::LIST], &tag(1)]),
        cat(&[&[raw::LOOK_UP], &tag(1), &raw::text("service 0")]),
        cat(&[&[raw::LOOK_UP], &tag(1), &raw::text("none")]),
        cat(&[&[raw::HOLD], &[1; 16]]),
        cat(&[&[raw::HELD], &raw::offer([1; 16], 1, 9, "other/1")]),
        message_with(1, Some(1), &[], &[]),
    ] {
        let mut stranger = Stranger::new(Limits::default());
        for number in 0..100 {
            let name = format!("service {number}");
            let served = stranger.node().serve::<Note>(&name, Allow::Members, ServiceOptions::default());
            stranger.world.spawn(clerk(served.unwrap().1, log()));
        }
        // Ten thousand at once, as a fast carrier may bring them.
        let lot = || std::iter::repeat_n(ask.clone(), 10_000);
        let mut cut_off = false;
        for _ in 0..300 {
            let (result, wakes) = stranger.exchange.handle_messages(stranger.world.now(), lot());
            wakes.wake();
            if result == Err(PeerFault::Unread) {
                cut_off = true;
                break;
            }
            assert_eq!(result, Ok(()));
        }
        assert!(cut_off, "{ask:?}");
        stranger.listen();
        let kept: usize = stranger.heard.iter().map(|one| one.len()).sum();
        assert!(kept <= 9 * 1_024 * 1_024, "{kept}");
    }
}

/// One of each kind.
fn envelopes(to: u32) -> Vec<bytes::Bytes> {
    let offer = raw::offer([1; 16], 1, 9, "other/1");
    let relayed = {
        let mut entry = third(node_id(3, 1), [4; 16], "x");
        entry[1] = 2;
        [&entry[..], &[5; 16], &tag(9), &9_u64.to_le_bytes()].concat()
    };
    let table =
        [reply(5), mine([7; 16], 70, 9, "x"), yours([9; 16]), third(node_id(2, 1), [3; 16], "x"), relayed];
    vec![
        raw::hello(),
        message_with(to, Some(1), &table, &[0, 0]),
        raw::answer(1, &table, &[1]),
        cat(&[&[raw::REFUSAL], &tag(1), &[1]]),
        cat(&[&[raw::CONFIRMED], &tag(1)]),
        cat(&[&[raw::CREDIT], &tag(1), &[1; 8]]),
        cat(&[&[raw::ENDED], &tag(1), &[1]]),
        cat(&[&[raw::GONE], &[1; 16], &[1]]),
        cat(&[&[raw::RELEASE], &tag(1), &[1; 4]]),
        cat(&[&[raw::HOLD], &[1; 16]]),
        cat(&[&[raw::HELD], &offer]),
        cat(&[&[raw::LOOK_UP], &tag(1), &raw::text("prober")]),
        cat(&[&[raw::FOUND], &tag(1), &offer]),
        cat(&[&[raw::LIST], &tag(1)]),
        cat(&[&[raw::SERVICES], &tag(1), &[1, 0], &raw::text("a"), &raw::text("b"), &[0]]),
    ]
}

#[test]
fn envelopes_that_are_cut_off_or_too_long_end_the_session() {
    for (index, envelope) in envelopes(1).into_iter().enumerate() {
        let body_at = match envelope[0] {
            raw::MESSAGE_WITH => envelope.len() - 2,
            raw::REPLY => envelope.len() - 1,
            _ => envelope.len(),
        };
        for length in 0..body_at {
            let (mut stranger, _) = probed(Limits::default());
            let said = stranger.say(envelope.slice(..length));
            assert_eq!(said, Err(PeerFault::Malformed), "envelope {index}, {length} bytes");
        }
        // What follows HELLO is for later versions, what follows a table is a body.
        if index > 2 {
            let (mut stranger, _) = probed(Limits::default());
            assert_eq!(stranger.say(cat(&[&envelope, &[0]])), Err(PeerFault::Malformed), "envelope {index}");
        }
    }
    for kind in (0..=255_u8).filter(|kind| !(1..=0x11).contains(kind)) {
        let (mut stranger, _) = probed(Limits::default());
        assert_eq!(stranger.say(cat(&[&[kind], &[0; 64]])), Err(PeerFault::Malformed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_is_said_the_node_lives(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..40),
        noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..10),
    ) {
        let (mut stranger, to) = probed(Limits::default());
        let known = envelopes(to);
        let changed = changes.iter().map(|(which, at, byte)| {
            let mut envelope = which.get(&known).to_vec();
            let at = at.index(envelope.len());
            envelope[at] = *byte;
            bytes::Bytes::from(envelope)
        });
        let all = changed.chain(noise.into_iter().map(bytes::Bytes::from)).collect::<Vec<_>>();
        for envelope in all {
            if stranger.say(envelope).is_err() {
                // As the driver does.
                stranger.exchange = stranger.node().connected(node_id(1, 1));
                stranger.say(raw::hello()).unwrap();
            }
            stranger.listen();
        }
        stranger.exchange = stranger.node().connected(node_id(1, 1));
        stranger.say(raw::hello()).unwrap();
        let to = stranger.look_up("prober").0;
        lives(&mut stranger, to);
    }
}

#[test]
fn the_end_of_a_tag_that_crosses_a_hold_is_not_that_of_the_address() {
    let mut stranger = Stranger::new(Limits::default());
    let served = stranger.node().serve::<Note>("desk", Allow::Members, ServiceOptions::default());
    let mut desk = served.unwrap().1;
    let (to, _) = stranger.look_up("desk");
    let id = [8; 16];
    stranger.say(message_with(to, None, &[mine(id, 80, 9_000, "test.note/1")], &[2, 0])).unwrap();
    drop(desk.try_recv());
    // It was given back, and comes again as somebody else would tell of it.
    stranger.say(message_with(to, None, &[third(node_id(1, 1), id, "test.note/1")], &[2, 0])).unwrap();
    let Some((Note::Give(address), _)) = desk.try_recv() else { panic!("nothing came") };
    assert_eq!(stranger.hear(raw::HOLD), [cat(&[&id])]);
    stranger.say(cat(&[&[raw::ENDED], &tag(80), &[4]])).unwrap();
    address.try_send(Note::Number(1)).unwrap();
    stranger.say(cat(&[&[raw::HELD], &raw::offer(id, 81, 9_000, "test.note/1")])).unwrap();
    assert_eq!(stranger.hear(raw::MESSAGE), [cat(&[&tag(81), &[0, 1]])]);
}
