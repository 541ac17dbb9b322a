//! Packets that were damaged, repeated or sent back change nothing.

use bytes::BytesMut;
use link::{Error, Limits, StreamOptions};

use crate::pair::{Pair, name, noise};

#[test]
fn every_flipped_byte_and_every_truncation_is_rejected_and_the_session_goes_on() {
    let mut pair = Pair::new(Limits::default());
    let id = pair.a.tx.open_stream(&name("s"), StreamOptions::default()).unwrap();
    pair.a.tx.try_send(id, &noise(40, 1), true).unwrap();
    pair.a.transmit(1);
    let packet = pair.a.wire.pop_front().unwrap();
    for at in 0..packet.len() {
        let mut damaged = packet.clone();
        damaged[at] ^= 1;
        assert_eq!(pair.b.receive(pair.now, damaged), Err(Error::Rejected), "byte {at}");
        assert_eq!(
            pair.b.receive(pair.now, BytesMut::from(&packet[..at])),
            Err(Error::Rejected),
            "cut at {at}"
        );
    }
    assert!(!pair.b.confirmed && pair.b.streams.is_empty());
    assert_eq!(pair.a.receive(pair.now, packet.clone()), Err(Error::Rejected), "sent back");
    pair.b.receive(pair.now, packet.clone()).unwrap();
    assert_eq!(pair.b.receive(pair.now, packet), Err(Error::Rejected), "repeated");
    assert_eq!(pair.b.received("s").messages.len(), 1);
    pair.settle();
    assert!(pair.a.tx.is_idle());
}
