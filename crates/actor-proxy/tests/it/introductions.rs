//! Peers that introduce nodes that there are not, or pass on more than their share: what they cause has bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use actor_proxy::{Actors, Allow, Limits, NodeId, ServiceOptions};

use crate::cast::Note;
use crate::raw::{self, Stranger, message_with, tag, third};
use crate::world::node_id;

/// With which nodes somebody wants a session.
fn wanted(node: &Actors) -> Vec<NodeId> {
    let mut wanted = Vec::new();
    while let Poll::Ready(node) = node.poll_wanted(&mut Context::from_waker(Waker::noop())) {
        wanted.push(node);
    }
    wanted
}

#[cfg(any())]
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
