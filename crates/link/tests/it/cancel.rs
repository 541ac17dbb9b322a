//! Cancelling means: not sent, or as if not waited for.

use link::{Limits, StreamOptions, TxEvent};

use crate::pair::{Pair, name, noise};

#[test]
fn a_waiting_message_is_not_sent() {
    let mut limits = Limits::default();
    limits.stream_window_bytes = 256 << 10;
    let mut pair = Pair::new(limits);
    pair.b.consume = false;
    let id = pair.a.tx.open_stream(&name("s"), StreamOptions::default()).unwrap();
    while pair.a.tx.try_send(id, &noise(10_000, 1), false).is_ok() {
        pair.settle();
    }
    let before = pair.b.received("s").messages.len();
    let one = pair.a.tx.enqueue(id, noise(10_000, 2), true).unwrap();
    let two = pair.a.tx.enqueue(id, noise(10_000, 3), true).unwrap();
    assert!(pair.a.tx.cancel(id, one));
    pair.b.consume = true;
    pair.b.consume_all();
    pair.settle();
    assert_eq!(pair.b.received("s").messages.len(), before + 1);
    assert_eq!(pair.b.received("s").messages.last().unwrap(), &noise(10_000, 3));
    assert!(matches!(pair.a.events[..], [TxEvent::Done { operation, .. }] if operation == two));
}

#[test]
fn a_message_that_left_in_part_is_abandoned_on_both_sides() {
    let mut pair = Pair::new(Limits::default());
    let id = pair.a.tx.open_stream(&name("s"), StreamOptions::default()).unwrap();
    let large = pair.a.tx.enqueue(id, noise(3_000_000, 1), true).unwrap();
    let next = pair.a.tx.enqueue(id, noise(100, 2), true).unwrap();
    pair.a.transmit(5);
    assert!(!pair.a.tx.cancel(id, large));
    pair.settle();
    assert_eq!(pair.b.received("s").aborted, 1);
    assert_eq!(pair.b.received("s").messages, [noise(100, 2)]);
    assert!(matches!(pair.a.events[..], [TxEvent::Done { operation, .. }] if operation == next));
    assert!(!pair.b.rx.is_receiving());
    // The stream goes on, with all its credit.
    pair.a.tx.enqueue(id, noise(9_000_000, 3), true).unwrap();
    pair.settle();
    assert_eq!(pair.b.received("s").messages.len(), 2);
}

#[test]
fn a_sent_message_is_only_no_longer_waited_for() {
    let mut pair = Pair::new(Limits::default());
    let id = pair.a.tx.open_stream(&name("s"), StreamOptions::default()).unwrap();
    let operation = pair.a.tx.try_send(id, &noise(100, 1), true).unwrap().unwrap();
    assert!(!pair.a.tx.cancel(id, operation));
    pair.settle();
    assert!(pair.a.events.is_empty());
    assert_eq!(pair.b.received("s").messages.len(), 1);
    assert!(!pair.a.tx.cancel(id, operation), "cancelling twice does no harm");
}
