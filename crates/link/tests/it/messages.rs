//! What goes in comes out, in order, whatever its size.

use bytes::Bytes;
use chunk_proto::Compression;
use link::{Event, Limits, MESSAGE_COST_BYTES, Outcome, Priority, StreamOptions, TxEvent};

use crate::pair::{Pair, name, noise};

#[test]
fn the_initiator_confirms_even_when_idle() {
    let mut pair = Pair::new(Limits::default());
    pair.a.transmit(10);
    assert_eq!(pair.a.wire.len(), 1);
    pair.settle();
    assert!(pair.b.confirmed);
    assert!(!pair.a.confirmed, "the responder has said nothing yet");
}

#[test]
fn messages_of_all_sizes_arrive_in_order() {
    let mut pair = Pair::new(Limits::default());
    let id = pair.a.tx.open_stream(&name("all"), StreamOptions::default()).unwrap();
    let sizes =
        [0, 1, 64, 511, 512, 16_384, 16_385, 63_999, 64_000, 64_001, 128_000, 1_000_000, 7, 3_000_000, 0];
    let sent: Vec<Bytes> = sizes.iter().enumerate().map(|(i, &size)| noise(size, i as u64)).collect();
    let operations: Vec<_> =
        sent.iter().map(|message| pair.a.tx.enqueue(id, message.clone(), true).unwrap()).collect();
    pair.settle();
    assert_eq!(pair.b.received("all").messages, sent);
    let done: Vec<_> = operations
        .iter()
        .map(|&operation| TxEvent::Done { operation, outcome: Outcome::Confirmed })
        .collect();
    assert_eq!(pair.a.events, done);
    assert!(pair.a.tx.is_idle());
}

#[test]
fn a_message_in_pieces_arrives_as_one() {
    use link::{SendError, TrySendError};
    let mut pair = Pair::new(Limits::default());
    let id = pair.a.tx.open_stream(&name("all"), StreamOptions::default()).unwrap();
    let mut sent = Vec::new();
    for sizes in [&[][..], &[3, 4], &[9, 0, 100_000, 0], &[5, 64_000, 64_000, 1], &[1, 1_000_000, 7, 500_000]]
    {
        let pieces: Vec<Bytes> = sizes.iter().map(|&size| noise(size, size as u64)).collect();
        pair.a.tx.try_send_pieces(id, &pieces).unwrap();
        sent.push(Bytes::from(pieces.concat()));
        pair.settle();
    }
    assert_eq!(pair.b.received("all").messages, sent);
    // One that waits holds up those behind it, as with `try_send`.
    let pieces = [noise(8_000_000, 1), noise(1, 2)];
    pair.a.tx.try_send_pieces(id, &pieces).unwrap();
    assert_eq!(pair.a.tx.try_send_pieces(id, &pieces), Err(TrySendError::Full));
    assert_eq!(pair.a.tx.try_send_pieces(id, &[noise(1, 1), noise(1, 2)]), Err(TrySendError::Full));
    let gibibyte = Bytes::from(vec![0; 1 << 29]);
    let error = pair.a.tx.try_send_pieces(id, &[gibibyte.clone(), gibibyte, noise(1, 1)]);
    assert!(matches!(error, Err(TrySendError::Refused(SendError::TooLarge { .. }))), "{error:?}");
}

#[test]
fn compression_is_invisible_and_shrinks_what_it_can() {
    let mut pair = Pair::new(Limits::default());
    let text: Bytes = b"the same words again and again, ".repeat(20_000).into();
    let random = noise(text.len(), 9);
    let mut sizes = Vec::new();
    for (stream, compression) in
        [("never", Compression::Never), ("always", Compression::Always), ("auto", Compression::Auto)]
    {
        let options = StreamOptions::default().with_compression(compression);
        let id = pair.a.tx.open_stream(&name(stream), options).unwrap();
        for message in [&text, &random] {
            pair.a.tx.enqueue(id, message.clone(), false).unwrap();
            pair.a.transmit(usize::MAX);
            sizes.push(pair.a.wire.iter().map(|packet| packet.len()).sum::<usize>());
            pair.settle();
        }
        assert_eq!(pair.b.received(stream).messages, [text.clone(), random.clone()]);
    }
    let [never_text, never_random, always_text, always_random, auto_text, auto_random] = sizes[..] else {
        panic!()
    };
    assert!(always_text < never_text / 10 && auto_text < never_text / 10);
    assert!(always_random <= never_random + 200 && auto_random <= never_random + 200);
}

#[test]
fn secret_messages_are_never_compressed() {
    let mut pair = Pair::new(Limits::default());
    let options = StreamOptions::default().with_compression(Compression::Always).secret();
    let id = pair.a.tx.open_stream(&name("secret"), options).unwrap();
    pair.a.tx.enqueue(id, vec![0; 500_000].into(), false).unwrap();
    pair.a.transmit(usize::MAX);
    assert!(pair.a.wire.iter().map(|packet| packet.len()).sum::<usize>() > 500_000);
}

#[test]
fn small_messages_share_packets() {
    let mut pair = Pair::new(Limits::default());
    let id = pair.a.tx.open_stream(&name("many"), StreamOptions::default()).unwrap();
    let message = noise(64, 1);
    for _ in 0..800 {
        assert_eq!(pair.a.tx.try_send(id, &message, false), Ok(None));
    }
    pair.a.transmit(usize::MAX);
    assert_eq!(pair.a.wire.len(), 2, "one with the news, one full of messages");
    pair.settle();
    assert_eq!(pair.b.received("many").messages.len(), 800);
}

/// Credit counts the bytes of messages: a few of them must not keep a buffer that holds much more. A packetful may.
#[test]
fn few_messages_leave_their_packet_and_a_packetful_stays_in_it() {
    for (count, stays) in [(1, false), (2, false), (400, false), (800, true)] {
        let mut pair = Pair::new(Limits::default());
        let id = pair.a.tx.open_stream(&name("many"), StreamOptions::default()).unwrap();
        pair.settle();
        for index in 0..count {
            assert_eq!(pair.a.tx.try_send(id, &noise(64, index), false), Ok(None));
        }
        pair.a.transmit(usize::MAX);
        let packet = pair.a.wire.pop_front().unwrap();
        assert!(pair.a.wire.is_empty());
        let place = packet.as_ptr_range();
        pair.b.receive(pair.now, packet).unwrap();
        let messages = &pair.b.received("many").messages;
        for (index, message) in messages.iter().enumerate() {
            assert_eq!(*message, noise(64, index as u64));
            assert_eq!(place.contains(&message.as_ptr()), stays, "{index} of {count}");
        }
        assert_eq!(messages.len(), count as usize);
    }
}

/// A batch says the same in each of its three ways, however many of its messages were taken before.
#[test]
fn a_batch_is_the_same_messages_in_every_way() {
    for count in [1, 2, 3, 700] {
        let mut pair = Pair::new(Limits::default());
        let id = pair.a.tx.open_stream(&name("many"), StreamOptions::default()).unwrap();
        pair.settle();
        let sent: Vec<_> = (0..count).map(|index| noise(index % 90, index as u64)).collect();
        for message in &sent {
            assert_eq!(pair.a.tx.try_send(id, message, false), Ok(None));
        }
        pair.a.transmit(usize::MAX);
        let packet = pair.a.wire.pop_front().unwrap();
        pair.b.rx.handle_packet(pair.now, &mut pair.b.rng, packet).unwrap();
        let Some(Event::Messages { mut batch, .. }) = pair.b.rx.poll_event() else { panic!("no messages") };
        for taken in 0..=count {
            let left = &sent[taken..];
            assert_eq!((batch.len(), batch.is_empty()), (left.len(), left.is_empty()));
            let cost: u64 = left.iter().map(|message| message.len() as u64 + MESSAGE_COST_BYTES).sum();
            assert_eq!(batch.cost(), cost);
            assert!(batch.iter().eq(left.iter().map(|message| &message[..])));
            if !left.is_empty() {
                let (buffer, ranges) = batch.clone().into_packed();
                assert!(ranges.map(|range| &buffer[range]).eq(left.iter().map(|message| &message[..])));
            }
            assert_eq!(batch.next().as_ref(), left.first());
        }
    }
}

#[test]
fn a_small_message_overtakes_a_gigabyte() {
    let mut pair = Pair::new(Limits::default());
    let bulk = StreamOptions::default().with_priority(Priority::Bulk);
    let file = pair.a.tx.open_stream(&name("file"), bulk).unwrap();
    let chat = pair.a.tx.open_stream(&name("chat"), StreamOptions::default()).unwrap();
    let operation = pair.a.tx.begin(file, 1 << 30).unwrap();
    pair.settle();
    assert!(pair.a.events.contains(&TxEvent::Hungry { operation }));
    let piece = noise(1 << 20, 3);
    assert_eq!(pair.a.tx.supply(file, operation, piece.clone()), Ok(false));
    pair.a.transmit(1);
    assert_eq!(pair.a.tx.try_send(chat, &noise(64, 4), false), Ok(None));
    pair.a.transmit(2);
    while let Some(packet) = pair.a.wire.pop_front() {
        pair.b.receive(pair.now, packet).unwrap();
    }
    assert_eq!(pair.b.received("chat").messages.len(), 1, "at most one chunk goes before it");
    assert!(pair.b.received("file").partial.as_ref().unwrap().1.len() <= 128_000);

    // And the gigabyte itself arrives, never held whole on either side.
    let mut left = (1u64 << 30) - (1 << 20);
    let mut held = 0;
    pair.settle();
    while left > 0 {
        let next = piece.slice(..left.min(1 << 20) as usize);
        left -= next.len() as u64;
        let _ = pair.a.tx.supply(file, operation, next).unwrap();
        pair.settle();
        let (_, partial) =
            pair.b.streams.get_mut(&file).unwrap().partial.as_mut().map_or((0, None), |(t, p)| (*t, Some(p)));
        if let Some(partial) = partial {
            held = held.max(partial.len());
            // The consumer takes its pieces; here only their sum matters.
            if left > 0 {
                partial.clear();
            }
        }
        if left == 1 << 20 {
            break;
        }
    }
    assert!(held <= 3 << 20);
}

#[test]
fn equal_priorities_share_and_higher_ones_go_first() {
    let mut pair = Pair::new(Limits::default());
    let options = StreamOptions::default();
    let one = pair.a.tx.open_stream(&name("one"), options).unwrap();
    let two = pair.a.tx.open_stream(&name("two"), options).unwrap();
    let first = pair.a.tx.open_stream(&name("first"), options.with_priority(Priority::Urgent)).unwrap();
    let message = noise(640_000, 1);
    for id in [one, two, first] {
        pair.a.tx.enqueue(id, message.clone(), false).unwrap();
    }
    pair.a.transmit(1 + 10 + 10);
    while let Some(packet) = pair.a.wire.pop_front() {
        pair.b.receive(pair.now, packet).unwrap();
    }
    assert_eq!(pair.b.received("first").messages.len(), 1);
    let half = |name| pair.b.received(name).partial.as_ref().unwrap().1.len();
    assert_eq!((half("one"), half("two")), (320_000, 320_000));
}

#[test]
fn a_ping_is_answered_and_a_close_is_told() {
    let mut pair = Pair::new(Limits::default());
    pair.a.tx.ping(77).unwrap();
    pair.settle();
    assert_eq!(pair.a.events, [TxEvent::Pong { number: 77 }]);
    pair.b.tx.close(link::CloseReason::Shutdown);
    pair.settle();
    assert_eq!(pair.a.closed, Some(link::CloseReason::Shutdown));
    assert_eq!(pair.a.tx.ping(1), Err(link::SendError::Closed));
    assert!(pair.a.tx.poll_transmit().is_none());
}

#[test]
fn an_ended_stream_ends_after_its_messages_and_its_name_is_free_again() {
    let mut pair = Pair::new(Limits::default());
    let id = pair.a.tx.open_stream(&name("s"), StreamOptions::default()).unwrap();
    pair.a.tx.enqueue(id, noise(1_000_000, 1), false).unwrap();
    pair.a.tx.end_stream(id);
    assert!(pair.a.tx.enqueue(id, Bytes::new(), false).is_err());
    pair.settle();
    assert_eq!(pair.b.received("s").messages.len(), 1);
    assert!(pair.b.received("s").ended);
    let again = pair.a.tx.open_stream(&name("s"), StreamOptions::default()).unwrap();
    assert_ne!(again, id);
    pair.a.tx.enqueue(again, noise(1, 1), false).unwrap();
    pair.settle();
    assert_eq!(pair.b.received("s").messages.len(), 1);
}

#[test]
fn a_stream_is_opened_before_its_first_message_whatever_its_priority() {
    for priority in [Priority::Urgent, Priority::Normal, Priority::Bulk] {
        for length in [3, 10_000, 200_000] {
            let mut pair = Pair::new(Limits::default());
            pair.settle();
            let options = StreamOptions::default().with_priority(priority);
            let id = pair.a.tx.open_stream(&name("s"), options).unwrap();
            for seed in 0..20 {
                pair.a.tx.enqueue(id, noise(length, seed), false).unwrap();
            }
            pair.settle();
            assert_eq!(pair.b.received("s").messages.len(), 20, "{priority:?}, {length}");
        }
    }
}
