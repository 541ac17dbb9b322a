//! Packets that were damaged, repeated or sent back change nothing; members that break the protocol are told apart.

use bytes::BytesMut;
use link::{Error, Limits, PeerFault, StreamOptions};
use proptest::prelude::*;

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

/// A packet that a member seals by hand, past every rule of the sending half.
fn sealed(plaintext: &[u8]) -> BytesMut {
    sealed_in_a_row(&[plaintext.to_vec()]).remove(0)
}

fn sealed_in_a_row(plaintexts: &[Vec<u8>]) -> Vec<BytesMut> {
    let association = secure_channel::Association {
        secrets: secure_channel::SessionSecrets::dangerous_from_bytes(&[7; 128]),
        role: secure_channel::Role::Initiator,
        suite: secure_channel::Suite::X3dhHybrid,
        aead: secure_channel::TrafficAead::Aes256Gcm,
        local_tag: secure_channel::Tag(1),
        remote_tag: secure_channel::Tag(2),
    };
    let (mut sealer, _, _) = secure_channel::split(association, Default::default()).unwrap();
    let seal = |plaintext: &Vec<u8>| {
        let mut packet = vec![0; secure_channel::OVERHEAD_BYTES + plaintext.len()];
        sealer.reserve(secure_channel::PathNumber(0)).unwrap().seal(&mut packet, plaintext).unwrap();
        BytesMut::from(&packet[..])
    };
    plaintexts.iter().map(seal).collect()
}

const OPEN: &[u8] = b"\x02\x01\x01\x01s";

#[test]
fn each_breach_of_the_protocol_has_its_fault() {
    let chunk = |bytes: &[u8]| [OPEN, &[0x06, 1, 0, bytes.len() as u8], bytes].concat();
    let breaches: Vec<(Vec<u8>, PeerFault)> = vec![
        (b"\x04\x01\x00\x00".to_vec(), PeerFault::UnknownStream),
        ([OPEN, OPEN].concat(), PeerFault::UnknownStream),
        ([OPEN, b"\x04\x01\x00\x00\x04\x01\x00\x00"].concat(), PeerFault::BadMessage),
        ([OPEN, b"\x04\x01\x05\x00\x04\x01\x05\x00"].concat(), PeerFault::BadMessage),
        ([OPEN, b"\x04\x01\x00\x7f"].concat(), PeerFault::MalformedRecord),
        ([OPEN, b"\x04\x01\x05\x00\x03\x01\x03"].concat(), PeerFault::BadMessage),
        ([OPEN, b"\x03\x01\x01\x04\x01\x01\x00"].concat(), PeerFault::BadMessage),
        (chunk(b"\x7f"), PeerFault::BadChunk(chunk_proto::Error::HeaderFlags { flags: 0x7f })),
        // An id far behind the highest one: nothing would come of its message.
        (
            [OPEN, b"\x06\x01\x01\x04\x00\x88\x27\x00", b"\x06\x01\x02\x06\x02\x01\x41\x40\x01x"].concat(),
            PeerFault::BadMessage,
        ),
        (b"\x0f\x08\0\0\0\0\0\0\0\x01".to_vec(), PeerFault::BadRekey),
        (b"\x0e\x01\x01".to_vec(), PeerFault::BadRekey),
    ];
    for (plaintext, fault) in breaches {
        let mut pair = Pair::new(Limits::default());
        let result = pair.b.receive(pair.now, sealed(&plaintext));
        assert_eq!(result, Err(Error::Peer(fault)), "{plaintext:?}");
    }
}

#[test]
fn credit_is_enforced_for_messages_and_for_what_chunks_decompress_to() {
    let mut limits = Limits::default();
    limits.stream_window_bytes = 200 << 10;
    let messages = [OPEN, &b"\x04\x01\x00\x00"[..]].concat();
    let mut flood = messages;
    for number in 1u64..4_000 {
        flood.extend([0x04, 1]);
        chunk_proto::varint::put(number, &mut flood);
        flood.push(0);
    }
    let mut pair = Pair::new(limits);
    pair.b.consume = false;
    assert_eq!(pair.b.receive(pair.now, sealed(&flood)), Err(Error::Peer(PeerFault::CreditExceeded)));
    assert!(pair.b.received("s").messages.len() <= (200 << 10) / 64);
}

#[test]
fn streams_and_abandoned_messages_are_bounded() {
    let mut opens = Vec::new();
    for id in 1u64..=1_100 {
        opens.push(0x02);
        chunk_proto::varint::put(id, &mut opens);
        opens.extend([1, 1, b'x']);
    }
    let mut pair = Pair::new(Limits::default());
    assert_eq!(pair.b.receive(pair.now, sealed(&opens)), Err(Error::Peer(PeerFault::TooManyStreams)));
    assert_eq!(pair.b.streams.len(), 1_024);

    let mut resets = OPEN.to_vec();
    for number in 1u64..2_000 {
        resets.extend([0x08, 1]);
        chunk_proto::varint::put(number, &mut resets);
    }
    let mut pair = Pair::new(Limits::default());
    assert_eq!(pair.b.receive(pair.now, sealed(&resets)), Err(Error::Peer(PeerFault::BadMessage)));
}

#[test]
fn news_about_more_streams_than_there_can_be_are_not_kept() {
    for kind in [0x0a, 0x0b, 0x09] {
        let mut news = Vec::new();
        for id in 1u64..5_000 {
            news.push(kind);
            chunk_proto::varint::put(id, &mut news);
            news.push(1);
        }
        let mut pair = Pair::new(Limits::default());
        assert_eq!(pair.b.receive(pair.now, sealed(&news)), Err(Error::Peer(PeerFault::UnknownStream)));
    }
}

#[test]
fn a_message_is_announced_with_its_first_chunk_which_pays_for_it() {
    // The last chunk of message 1, then message 0, then message 1 is given up: its consumer must not be told, or it
    // would return a cost that nobody paid.
    let records = [OPEN, b"\x06\x01\x01\x06\x02\x07\x41\x40\x01x", b"\x04\x01\x00\x00", b"\x08\x01\x01"];
    let mut pair = Pair::new(Limits::default());
    pair.b.receive(pair.now, sealed(&records.concat())).unwrap();
    assert_eq!(pair.b.received("s").messages.len(), 1);
    assert_eq!(pair.b.received("s").aborted, 0);
}

#[test]
fn a_small_piece_does_not_keep_the_buffer_it_came_in() {
    let chunk = [b"\x06\x01\x00\x45\x02\x07\x41\x40\x00", &[9; 64][..]].concat();
    let (events, is_kept) = taken_from_a_buffer(&[OPEN, &chunk, &[0; 60_000]].concat());
    assert!(events.iter().any(|event| matches!(event, link::Event::Piece { .. })));
    assert!(!is_kept, "64 bytes keep a whole packet");
}

#[test]
fn small_messages_do_not_keep_what_lies_between_them() {
    let message = |number: u8, bytes: usize| {
        let mut record = vec![0x04, 1, number];
        chunk_proto::varint::put(bytes as u64, &mut record);
        record.resize(record.len() + bytes, number);
        record
    };
    let (events, is_kept) =
        taken_from_a_buffer(&[OPEN, &message(0, 1), &message(2, 40_000), &message(1, 1)].concat());
    let batches = events.into_iter().filter_map(|event| match event {
        link::Event::Messages { batch, .. } => Some(batch),
        _ => None,
    });
    let batches: Vec<_> = batches.collect();
    let all: Vec<&[u8]> = batches.iter().flat_map(|batch| batch.iter()).collect();
    assert_eq!(all, [&[0][..], &[1], &[2; 40_000]]);
    assert!(!is_kept, "two bytes keep a whole packet");
}

/// What a packet brings, and whether that keeps the buffer in which the packet came.
fn taken_from_a_buffer(plaintext: &[u8]) -> (Vec<link::Event>, bool) {
    let mut buffer = sealed(plaintext);
    let packet = buffer.split();
    let packet_bytes = packet.len();
    assert_eq!(buffer.capacity(), 0);
    let mut pair = Pair::new(Limits::default());
    let (now, side) = (pair.now, &mut pair.b);
    side.rx.handle_packet(now, &mut side.rng, packet).unwrap();
    let events: Vec<_> = std::iter::from_fn(|| side.rx.poll_event()).collect();
    (events, !buffer.try_reclaim(packet_bytes))
}

#[test]
fn a_peer_that_never_reads_its_acknowledgements_loses_the_session_before_they_pile_up() {
    let cycle = |id: u64| {
        let mut number = Vec::new();
        chunk_proto::varint::put(id, &mut number);
        [b"\x02", &number[..], b"\x01\x01x\x05", &number, b"\x00\x00\x03", &number, b"\x01"].concat()
    };
    let packets: Vec<_> =
        (0..40).map(|packet| (1..=1_000).flat_map(|id| cycle(packet * 1_000 + id)).collect()).collect();
    let mut pair = Pair::new(Limits::default());
    let (now, side) = (pair.now, &mut pair.b);
    for packet in sealed_in_a_row(&packets) {
        side.rx.handle_packet(now, &mut side.rng, packet).unwrap();
        side.tx.apply(side.rx.feedback());
    }
    assert!(side.tx.is_closed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_plaintext_panics(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut pair = Pair::new(Limits::default());
        let _ = pair.b.receive(pair.now, sealed(&[OPEN, &tail].concat()));
    }
}
