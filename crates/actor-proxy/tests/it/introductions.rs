//! Peers that introduce nodes that there are not, or pass on more than their share: what they cause has bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actor_proxy::{
    Actors, Address, Allow, Ended, Exchange, Inbox, Lane, Limits, NodeId, SendError, ServiceError,
    ServiceOptions, Unreachable,
};
use bytes::Bytes;

use crate::cast::{Note, clerk, log};
use crate::raw::{self, Stranger, cat, hello, message, message_with, mine, reply, tag, text, third};
use crate::world::{NobodyAnswers, node_id};

/// With which nodes somebody wants a session.
fn wanted(node: &Actors) -> Vec<NodeId> {
    let mut wanted = Vec::new();
    while let Poll::Ready(node) = node.poll_wanted(&mut Context::from_waker(Waker::noop())) {
        wanted.push(node);
    }
    wanted
}

fn id(number: u64) -> [u8; 16] {
    let mut id = [1; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    id
}

#[test]
fn who_may_not_send_to_a_service_introduces_nobody_there() {
    let mut stranger = Stranger::new(Limits::default());
    let allowed = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&allowed);
    let allow = Allow::when(move |_| asked.load(Ordering::Acquire));
    let (_, mut inbox) = stranger.node().serve::<Note>("secret", allow, ServiceOptions::default()).unwrap();
    let (to, _) = stranger.look_up("secret");
    allowed.store(false, Ordering::Release);
    // With a way through the stranger, which it is to get back.
    let mut entry = third(node_id(3, 1), [7; 16], "test.note/1");
    entry[1] = 2;
    entry.extend([&[8; 16][..], &tag(9), &1_000_u64.to_le_bytes()].concat());
    stranger.say(message_with(to, Some(5), &[entry], &[2, 0])).unwrap();
    assert!(inbox.try_recv().is_none());
    assert_eq!(wanted(stranger.node()), []);
    assert_eq!(stranger.node().table_sizes().1, 0);
    stranger.listen();
    let (released, refused) = (stranger.heard.clone(), stranger.hear(raw::REFUSAL));
    assert!(released.iter().any(|said| said[0] == raw::RELEASE && said[1..5] == tag(9)), "{released:?}");
    assert_eq!(refused.len(), 1);
}

/// A stranger, and an actor to which it may send.
fn open() -> (Stranger, u32, Inbox<Note>) {
    let mut stranger = Stranger::new(Limits::default());
    let served = stranger.node().serve::<Note>("open", Allow::Members, ServiceOptions::default());
    let (to, _) = stranger.look_up("open");
    (stranger, to, served.unwrap().1)
}

/// The stranger tells of an actor of each of these nodes, one message each; what came of it.
fn introduce(
    stranger: &mut Stranger,
    to: u32,
    inbox: &mut Inbox<Note>,
    nodes: impl IntoIterator<Item = NodeId>,
) -> Vec<Address<Note>> {
    let mut addresses = Vec::new();
    for (number, node) in (0..).zip(nodes) {
        let entry = third(node, id(number), "test.note/1");
        stranger.say(message_with(to, None, &[entry], &[2, 0])).unwrap();
        let Some((Note::Give(address), _)) = inbox.try_recv() else { panic!("nothing came") };
        addresses.push(address);
        stranger.listen();
    }
    addresses
}

fn invented(member: u8, number: u64) -> NodeId {
    let mut device = [0; 32];
    device[..8].copy_from_slice(&number.to_le_bytes());
    NodeId { member: [member; 32], device, boot: [1; 16] }
}

#[test]
fn nodes_that_cannot_be_spoken_with_take_no_room_of_others() {
    let (mut stranger, to, mut inbox) = open();
    stranger.world.forbid(0, 198);
    let mut number = 0;
    for _ in 0..17 {
        let table: Vec<_> = (0..4_096)
            .map(|_| {
                number += 1;
                third(invented(199, number), id(number), "x")
            })
            .collect();
        stranger.say(message_with(to, None, &table, &[99])).unwrap();
        while inbox.try_recv().is_some() {}
        stranger.hear(raw::RELEASE);
    }
    // What led nowhere went with the message.
    assert_eq!(stranger.node().table_sizes().1, 0);
    let addresses = introduce(&mut stranger, to, &mut inbox, [invented(199, 1), node_id(4, 1)]);
    assert_eq!(addresses[0].try_send(Note::Number(1)), Err(SendError::NoRoute));
    assert_eq!(addresses[1].try_send(Note::Number(1)), Ok(()));
    assert_eq!(wanted(stranger.node()), [node_id(4, 1)]);
}

#[test]
fn a_member_introduces_so_many_nodes_until_there_are_sessions_with_them() {
    let (mut stranger, to, mut inbox) = open();
    for _ in 0..2 {
        let nodes = (0..300).map(|number| invented(9, number));
        let addresses = introduce(&mut stranger, to, &mut inbox, nodes);
        assert_eq!(addresses[299].try_send(Note::Number(1)), Err(SendError::NoRoute));
        let wanted = wanted(stranger.node());
        assert_eq!(wanted.len(), 256);
        // One that is there makes room for another.
        let session = stranger.node().connected(wanted[0]);
        let more = introduce(&mut stranger, to, &mut inbox, [invented(10, 0), invented(10, 1)]);
        assert_eq!(more[0].try_send(Note::Number(1)), Ok(()));
        assert_eq!(more[1].try_send(Note::Number(1)), Err(SendError::NoRoute));
        // Nobody answers, and nobody has the addresses any more: the room is there again.
        let why = Unreachable::new(NobodyAnswers, true);
        for node in wanted.iter().chain(&[invented(10, 0)]) {
            stranger.node().handle_unreachable(node, &why);
        }
        drop((addresses, more, session));
        while let Some(_node) = self::wanted(stranger.node()).pop() {}
    }
}

#[test]
fn runs_of_a_device_that_are_only_said_to_be_are_few() {
    let (mut stranger, to, mut inbox) = open();
    let boots = (1..=100).map(|boot| node_id(9, boot));
    let addresses = introduce(&mut stranger, to, &mut inbox, boots);
    assert_eq!(wanted(stranger.node()).len(), 4);
    assert_eq!(addresses[4].try_send(Note::Number(1)), Err(SendError::NoRoute));
    // The run that answers is the one that counts.
    let (_exchange, former) = stranger.node().connected_anew(node_id(9, 200));
    assert_eq!(addresses[3].try_send(Note::Number(1)), Ok(()));
    drop(former);
    assert_eq!(addresses[3].try_send(Note::Number(1)), Err(SendError::Ended(Ended::Restarted)));
    // A former run of the node itself needs no room at all.
    let addresses = introduce(&mut stranger, to, &mut inbox, [node_id(0, 7)]);
    assert_eq!(addresses[0].try_send(Note::Number(1)), Err(SendError::Ended(Ended::Restarted)));
}

/// Takes what the node says in a session.
fn drain(exchange: &Exchange) -> Vec<Bytes> {
    let mut said = Vec::new();
    let Some(mut outgoing) = exchange.outgoing(&Context::from_waker(Waker::noop())) else { return said };
    for lane in Lane::all() {
        while let Some(envelope) = outgoing.peek(lane).map(|next| next.to_bytes()) {
            outgoing.advance(lane);
            said.push(envelope);
        }
    }
    if outgoing.finish() {
        exchange.handle_taken().wake();
    }
    said
}

/// A stranger, a session with another node, and the way to an actor of that one which the node gave to the stranger. The
/// actor has given so much credit.
fn way(credit: u64) -> (Stranger, Exchange, u32) {
    let mut stranger = Stranger::new(Limits::default());
    let far = stranger.node().connected(node_id(6, 1));
    let served = stranger.node().serve::<Note>("clerk", Allow::Members, ServiceOptions::default());
    stranger.world.spawn(clerk(served.unwrap().1, log()));
    let (to, _) = stranger.look_up("clerk");
    let now = stranger.world.now();
    let look_up = cat(&[&[raw::LOOK_UP], &tag(1), &text("clerk")]);
    far.handle_messages(now, [hello(), cat(&[&[raw::HOLDS_DONE]]), look_up]).1.wake();
    let found = drain(&far).into_iter().find(|said| said[0] == raw::FOUND).unwrap();
    let its = u32::from_le_bytes(found[22..26].try_into().unwrap());
    let give = message_with(its, None, &[mine([8; 16], 80, credit, "test.note/1")], &[2, 0]);
    far.handle_messages(now, [give]).1.wake();
    while stranger.world.poll_tasks() {}
    stranger.say(message_with(to, None, &[reply(5)], &[3, 0])).unwrap();
    let answer = stranger.hear(raw::REPLY).pop().unwrap();
    // Ask, count, kind, flags, node, uuid, format, schema, and the uuid of the way.
    let at = 4 + 2 + 2 + 80 + 16 + 1 + 12 + 16;
    (stranger, far, u32::from_le_bytes(answer[at..at + 4].try_into().unwrap()))
}

#[test]
fn questions_that_are_passed_on_take_a_share_and_end() {
    let (mut stranger, far, way) = way(1 << 30);
    for round in 0..16 {
        let table: Vec<_> = (0..4_096).map(|number| reply(round * 4_096 + number)).collect();
        stranger.say(message_with(way, None, &table, &[1, 0, 0])).unwrap();
        drain(&far);
    }
    assert_eq!(stranger.node().table_sizes().2, 65_536 / 4);
    assert_eq!(stranger.hear(raw::REFUSAL).len(), 65_536 / 4 * 3);
    // The node's own have room, and end as they do.
    let looked_up = far.service::<Note>("any");
    let looked_up = stranger.world.block_on(looked_up);
    assert_eq!(looked_up.unwrap_err(), ServiceError::Ask(actor_proxy::AskError::TimedOut));
    assert!(far.is_awaited());
    stranger.world.advance(Duration::from_secs(60));
    assert_eq!(stranger.node().table_sizes().2, 0);
    assert_eq!(stranger.hear(raw::REFUSAL).len(), 65_536 / 4);
    assert!(!far.is_awaited());
    // And again.
    stranger.say(message_with(way, None, &[reply(1)], &[1, 0, 0])).unwrap();
    assert_eq!(stranger.node().table_sizes().2, 1);
}

#[test]
fn messages_that_are_passed_on_do_not_wait_for_ever() {
    let (mut stranger, far, way) = way(0);
    stranger.say(message(way, &[0, 7])).unwrap();
    stranger.say(message_with(way, None, &[reply(1)], &[1, 0, 0])).unwrap();
    assert!(far.is_awaited());
    stranger.world.advance(Duration::from_secs(30));
    stranger.say(message(way, &[0, 8])).unwrap();
    stranger.world.advance(Duration::from_secs(31));
    assert_eq!(stranger.hear(raw::REFUSAL).len(), 1);
    // What came last still waits, and goes when it may.
    let credit = cat(&[&[raw::CREDIT], &tag(80), &1_000_u64.to_le_bytes()]);
    far.handle_messages(stranger.world.now(), [credit]).1.wake();
    let said = drain(&far);
    let sent: Vec<_> = said.iter().filter(|said| said[0] == raw::MESSAGE).collect();
    assert_eq!(sent, [&message(80, &[0, 8])]);
    assert!(!far.is_awaited());
    stranger.world.advance(Duration::from_secs(60));
    assert_eq!(stranger.node().poll_timeout(None), None);
}

#[test]
fn addresses_that_are_passed_on_take_a_share() {
    let (mut stranger, far, way) = way(1 << 30);
    for round in 0..5_u64 {
        let number = |at: u64| round * 4_096 + at;
        let actor = |at| mine(id(number(at)), u32::try_from(1_000 + number(at)).unwrap(), 0, "x");
        let table: Vec<_> = (0..4_096).map(actor).collect();
        stranger.say(message_with(way, Some(7), &table, &[1, 0, 0])).unwrap();
        drain(&far);
    }
    let (exports, ..) = stranger.node().table_sizes();
    assert!((65_536 / 4..65_536 / 4 + 10).contains(&exports), "{exports}");
    assert_eq!(stranger.hear(raw::REFUSAL).len(), 1);
}
