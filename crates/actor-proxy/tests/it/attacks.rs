//! What an attacker tried: members that do not read, that make others talk, and that pay less than they take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use actor_proxy::{Allow, Exchange, Lane, Limits, PeerFault, ServiceOptions};

use crate::cast::Note;
use crate::raw::{self, Stranger, cat, message_with, mine, reply, tag, third};
use crate::world::node_id;

/// News may be kept for a peer up to here, and one batch of them.
const MAX_KEPT_BYTES: usize = 9 * 1_024 * 1_024;

/// What is kept for a peer, and what it is blamed for.
fn kept(exchange: &Exchange) -> (usize, Option<PeerFault>) {
    let mut outgoing = exchange.outgoing(&Context::from_waker(Waker::noop())).unwrap();
    let fault = outgoing.fault();
    let mut bytes = 0;
    for lane in Lane::all() {
        while let Some(envelope) = outgoing.peek(lane) {
            bytes += envelope.to_bytes().len();
            outgoing.advance(lane);
        }
    }
    outgoing.finish();
    (bytes, fault)
}

fn id(number: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    id[15] = 1;
    id
}

fn serve(stranger: &Stranger, name: &str) -> actor_proxy::Inbox<Note> {
    stranger.node().serve::<Note>(name, Allow::Members, ServiceOptions::default()).unwrap().1
}

#[test]
fn two_members_cannot_fill_an_outbox_by_addresses_of_each_other() {
    let mut stranger = Stranger::new(Limits::default());
    let colluder = stranger.node().connected(node_id(2, 1));
    colluder.handle_messages(stranger.world.now(), [raw::hello()]).0.unwrap();
    let mut open = serve(&stranger, "open");
    let (to, _) = stranger.look_up("open");
    let mut number = 0;
    for _ in 0..300 {
        let addresses = (0..2_000).map(|_| {
            number += 1;
            third(node_id(2, 1), id(number), "x")
        });
        stranger.say(message_with(to, None, &addresses.collect::<Vec<_>>(), &[99])).unwrap();
        while open.try_recv().is_some() {}
        stranger.listen();
        stranger.heard.clear();
    }
    let (bytes, fault) = kept(&colluder);
    assert!(bytes <= MAX_KEPT_BYTES, "{bytes}");
    assert_eq!(fault, Some(PeerFault::Unread));
}

#[test]
fn who_sends_too_much_and_does_not_read_is_cut_off() {
    let stranger = Stranger::new(Limits::default());
    let table: Vec<_> = (0..4_096).map(reply).collect();
    let beginning = message_with(1, None, &table, &[0]);
    let refused = (0..2_000).map(|_| stranger.exchange.refuse_message(&beginning));
    let faults = refused.filter(|refused| *refused == Err(PeerFault::Unread)).count();
    assert!(faults > 1_500, "{faults}");
    let (bytes, fault) = kept(&stranger.exchange);
    assert!(bytes <= MAX_KEPT_BYTES, "{bytes}");
    assert_eq!(fault, Some(PeerFault::Unread));
}

#[test]
fn addresses_in_a_message_cost_what_they_keep() {
    let mut limits = Limits::default();
    limits.mailbox_window_bytes = 512 * 1_024;
    let mut stranger = Stranger::new(limits);
    let _inbox = serve(&stranger, "slow");
    let (to, _) = stranger.look_up("slow");
    let table: Vec<_> = (0..4_096).map(|_| third(node_id(1, 1), [3; 16], "x")).collect();
    // One message may exceed what is left.
    stranger.say(message_with(to, None, &table, &[0])).unwrap();
    assert_eq!(stranger.say(message_with(to, None, &table, &[0])), Err(PeerFault::CreditExceeded));
}

#[test]
fn a_question_that_leaves_after_its_deadline_stays_in_no_table() {
    let mut stranger = Stranger::new(Limits::default());
    let mut desk = serve(&stranger, "desk");
    let (at, _) = stranger.look_up("desk");
    let without_credit = mine([8; 16], 80, 0, "test.note/1");
    stranger.say(message_with(at, None, &[without_credit], &[2, 0])).unwrap();
    let Some((Note::Give(far), _)) = desk.try_recv() else { panic!("an address") };
    let asking = far.clone();
    stranger.world.spawn(async move {
        drop(asking.ask(|reply| Note::Ask(1, reply), Duration::from_secs(1)).await);
    });
    while stranger.world.poll_tasks() {}
    // The deadline passes, and before the asker has its turn the credit arrives.
    stranger.node().handle_timeout(stranger.world.now() + Duration::from_secs(2));
    let credit = cat(&[&[raw::CREDIT], &tag(80), &1_000_000_u64.to_le_bytes()]);
    stranger.exchange.handle_messages(stranger.world.now(), [credit]).1.wake();
    while stranger.world.poll_tasks() {}
    assert_eq!(stranger.node().table_sizes().2, 0);
    assert!(!stranger.exchange.is_awaited());
}

#[test]
fn who_may_use_a_service_is_asked_for_each_of_messages_that_come_together() {
    let mut stranger = Stranger::new(Limits::default());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    // For looking it up, then for every second message.
    let allow = Allow::when(move |_| counted.fetch_add(1, Ordering::SeqCst).is_multiple_of(2));
    let served = stranger.node().serve::<Note>("odd", allow, ServiceOptions::default());
    let mut inbox = served.unwrap().1;
    let (to, _) = stranger.look_up("odd");
    let before = asked.load(Ordering::SeqCst);
    let lot = (0..6).map(|number| raw::message(to, &[0, number]));
    let (result, wakes) = stranger.exchange.handle_messages(stranger.world.now(), lot);
    result.unwrap();
    wakes.wake();
    assert_eq!(asked.load(Ordering::SeqCst), before + 6);
    let came = std::iter::from_fn(|| inbox.try_recv()).count();
    assert_eq!(came, 3);
}
