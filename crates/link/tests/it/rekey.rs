//! Fresh keys come while messages flow, and disturb none of them.

use std::time::Duration;

use link::{Limits, StreamOptions};

use crate::pair::{Pair, name, noise};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn both_sides_ask_at_once_in_the_middle_of_messages() {
    let mut pair = Pair::new(Limits::default());
    let to = pair.a.tx.open_stream(&name("to"), StreamOptions::default()).unwrap();
    let fro = pair.b.tx.open_stream(&name("fro"), StreamOptions::default()).unwrap();
    let (there, back) = (noise(3_000_000, 1), noise(3_000_000, 2));
    for generation in 1..=3 {
        pair.a.tx.enqueue(to, there.clone(), true).unwrap();
        pair.b.tx.enqueue(fro, back.clone(), true).unwrap();
        pair.a.transmit(3);
        pair.b.transmit(3);
        pair.advance(HOUR);
        pair.settle();
        assert_eq!(pair.b.received("to").messages.len(), generation);
        assert_eq!(pair.a.received("fro").messages.last(), Some(&back));
    }
    assert_eq!(pair.a.tx.generation(), Some(3));
    assert_eq!(pair.b.tx.generation(), Some(3));
    assert!(pair.a.tx.is_idle() && pair.b.tx.is_idle());
}

#[test]
fn old_keys_are_forgotten_and_the_next_deadline_is_known() {
    let mut pair = Pair::new(Limits::default());
    pair.settle();
    let due = pair.a.rx.poll_timeout().unwrap();
    assert_eq!(due - pair.now, HOUR);
    pair.advance(HOUR);
    pair.settle();
    assert_eq!(pair.a.rx.poll_timeout().unwrap() - pair.now, secure_channel::PREVIOUS_GRACE);
    pair.advance(secure_channel::PREVIOUS_GRACE);
    assert_eq!(pair.a.rx.poll_timeout().unwrap() - pair.now, HOUR - secure_channel::PREVIOUS_GRACE);
}
