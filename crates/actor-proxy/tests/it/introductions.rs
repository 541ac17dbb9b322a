//! Peers that introduce nodes that there are not, or pass on more than their share: what they cause has bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use actor_proxy::{
    Actors, Address, Allow, Ended, Inbox, Limits, NodeId, SendError, ServiceOptions, Unreachable,
};

use crate::cast::Note;
use crate::raw::{self, Stranger, message_with, tag, third};
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
