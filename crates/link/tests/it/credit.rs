//! A receiver that does not consume holds its sender back, and nobody else.

use bytes::Bytes;
use link::{CloseReason, Limits, Outcome, SendError, StopReason, StreamOptions, TrySendError, TxEvent};

use crate::pair::{Pair, name, noise};

fn small() -> Limits {
    let mut limits = Limits::default();
    limits.stream_window_bytes = 256 << 10;
    limits.session_window_bytes = 1 << 20;
    limits
}

#[test]
fn a_slow_consumer_stops_its_stream_at_the_window_and_no_other() {
    let mut pair = Pair::new(small());
    let slow = pair.a.tx.open_stream(&name("slow"), StreamOptions::default()).unwrap();
    let other = pair.a.tx.open_stream(&name("other"), StreamOptions::default()).unwrap();
    pair.b.consume = false;
    let message = noise(1_000, 1);
    let mut taken = 0;
    loop {
        match pair.a.tx.try_send(slow, &message, false) {
            Ok(_) => taken += 1,
            Err(TrySendError::Full) => break,
            Err(error) => panic!("{error}"),
        }
        pair.settle();
    }
    assert_eq!(taken, (256 << 10) / 1_064);
    assert_eq!(pair.a.tx.try_send(other, &message, false), Ok(None), "the other stream has its own credit");
    let waits = pair.a.tx.enqueue(slow, message.clone(), false).unwrap();
    pair.settle();
    assert!(pair.a.events.is_empty());
    assert_eq!(pair.b.received("slow").messages.len(), taken);
    pair.b.consume_all();
    pair.settle();
    assert_eq!(pair.a.events, [TxEvent::Done { operation: waits, outcome: Outcome::Accepted }]);
    assert_eq!(pair.b.received("slow").messages.len(), taken + 1);
}

#[test]
fn a_run_goes_as_far_as_credit_reaches_and_no_further_than_what_cannot_be_copied() {
    let mut pair = Pair::new(small());
    let stream = pair.a.tx.open_stream(&name("run"), StreamOptions::default()).unwrap();
    pair.b.consume = false;
    let messages: Vec<Bytes> = (0..100).map(|seed| noise(100, seed)).collect();
    let large = noise(20_000, 7);

    let mixed: Vec<&[u8]> =
        messages[..3].iter().chain([&large]).chain(&messages[3..]).map(|one| &**one).collect();
    assert_eq!(pair.a.tx.try_send_run(stream, mixed), Ok(3));
    pair.settle();
    assert_eq!(pair.b.received("run").messages, messages[..3]);

    let room = (256 << 10) / 164 - 3;
    let many = std::iter::repeat_n(&*messages[0], 2 * room);
    assert_eq!(pair.a.tx.try_send_run(stream, many), Ok(room));
    assert_eq!(pair.a.tx.try_send_run(stream, [&*messages[0]]), Ok(0));
    assert_eq!(pair.a.tx.try_send(stream, &messages[0], false), Err(TrySendError::Full));
    pair.settle();
    assert_eq!(pair.b.received("run").messages.len(), 3 + room);

    let waits = pair.a.tx.enqueue(stream, messages[1].clone(), false).unwrap();
    pair.b.consume_all();
    assert_eq!(pair.a.tx.try_send_run(stream, [&*messages[2]]), Ok(0), "no credit is left");
    pair.settle();
    assert_eq!(pair.a.events, [TxEvent::Done { operation: waits, outcome: Outcome::Accepted }]);
    pair.a.tx.close(CloseReason::Shutdown);
    assert_eq!(pair.a.tx.try_send_run(stream, [&*messages[2]]), Err(SendError::Closed));
}

#[test]
fn a_run_does_not_overtake_what_waits() {
    let mut pair = Pair::new(small());
    let stream = pair.a.tx.open_stream(&name("run"), StreamOptions::default()).unwrap();
    let [large, one] = [noise(20_000, 7), noise(100, 1)];
    pair.a.tx.enqueue(stream, large.clone(), false).unwrap();
    assert_eq!(pair.a.tx.try_send_run(stream, [&*one]), Ok(0));
    pair.settle();
    assert_eq!(pair.a.tx.try_send_run(stream, [&*one]), Ok(1));
    pair.settle();
    assert_eq!(pair.b.received("run").messages, [large, one]);
}

#[test]
fn the_session_window_bounds_all_streams_together() {
    let mut pair = Pair::new(small());
    pair.b.consume = false;
    let ids: Vec<_> = (0..8)
        .map(|i| pair.a.tx.open_stream(&name(&format!("s{i}")), StreamOptions::default()).unwrap())
        .collect();
    for &id in &ids {
        pair.a.tx.enqueue(id, noise(250_000, 1), false).unwrap();
    }
    pair.settle();
    let held: u64 = pair.b.streams.values().map(|incoming| incoming.unconsumed).sum();
    assert!(held <= 1 << 20, "{held}");
    assert!(held > (1 << 20) - 64_100 * 2, "{held}");
    for _ in 0..20 {
        pair.b.consume_all();
        pair.settle();
    }
    assert_eq!(pair.b.streams.values().map(|incoming| incoming.messages.len()).sum::<usize>(), 8);
}

#[test]
fn a_message_larger_than_the_window_flows_through_it() {
    let mut pair = Pair::new(small());
    let id = pair.a.tx.open_stream(&name("big"), StreamOptions::default()).unwrap();
    let message = noise(5_000_000, 1);
    assert_eq!(pair.a.tx.try_send(id, &message, false), Ok(None));
    pair.settle();
    assert_eq!(pair.b.received("big").messages, [message]);
}

#[test]
fn empty_messages_cost_credit_too() {
    let mut pair = Pair::new(small());
    pair.b.consume = false;
    let id = pair.a.tx.open_stream(&name("empty"), StreamOptions::default()).unwrap();
    let mut taken = 0;
    while pair.a.tx.try_send(id, &Bytes::new(), false).is_ok() {
        taken += 1;
        if taken % 100 == 0 {
            pair.settle();
        }
    }
    assert_eq!(taken, (256 << 10) / 64);
}

#[test]
fn a_refused_stream_ends_what_waits_on_it_and_gives_the_credit_back() {
    let mut pair = Pair::new(small());
    let id = pair.a.tx.open_stream(&name("nobody"), StreamOptions::default()).unwrap();
    let confirmed = pair.a.tx.enqueue(id, noise(100, 1), true).unwrap();
    let large = pair.a.tx.enqueue(id, noise(900_000, 1), false).unwrap();
    pair.a.transmit(3);
    while let Some(packet) = pair.a.wire.pop_front() {
        pair.b.rx.handle_packet(pair.now, &mut pair.b.rng, packet).unwrap();
    }
    pair.b.rx.refuse(id, StopReason::NoReceiver);
    pair.b.take_rx_events();
    pair.b.consume_all();
    pair.settle();
    let outcomes: Vec<_> = pair.a.events.iter().collect();
    assert!(outcomes.iter().any(|e| matches!(e, TxEvent::Done { operation, .. } if *operation == confirmed)));
    assert!(
        pair.a.events.contains(&TxEvent::Done {
            operation: large,
            outcome: Outcome::Stopped { reason: StopReason::NoReceiver, maybe_delivered: true }
        }),
        "{outcomes:?}"
    );
    assert_eq!(
        pair.a.tx.enqueue(id, Bytes::new(), false),
        Err(link::SendError::Stopped(StopReason::NoReceiver))
    );
    // All the session's credit is usable by others.
    let other = pair.a.tx.open_stream(&name("other"), StreamOptions::default()).unwrap();
    pair.a.tx.enqueue(other, noise(5_000_000, 2), false).unwrap();
    pair.settle();
    assert_eq!(pair.b.received("other").messages.len(), 1);
}

#[test]
fn a_refused_stream_confirms_nothing_that_came_with_it() {
    let mut pair = Pair::new(small());
    let id = pair.a.tx.open_stream(&name("nobody"), StreamOptions::default()).unwrap();
    let operation = pair.a.tx.try_send(id, &noise(10, 1), true).unwrap().unwrap();
    pair.a.transmit(usize::MAX);
    while let Some(packet) = pair.a.wire.pop_front() {
        pair.b.rx.handle_packet(pair.now, &mut pair.b.rng, packet).unwrap();
        while let Some(event) = pair.b.rx.poll_event() {
            if let link::Event::Opened { stream, .. } = event {
                pair.b.rx.refuse(stream, StopReason::NoReceiver);
            }
        }
    }
    pair.b.tx.apply(pair.b.rx.feedback());
    pair.settle();
    let reason = StopReason::NoReceiver;
    let outcome = Outcome::Stopped { reason, maybe_delivered: true };
    assert_eq!(pair.a.events, [TxEvent::Done { operation, outcome }]);
}

#[test]
fn a_message_that_waits_for_its_reader_does_not_expire() {
    let mut pair = Pair::new(small());
    pair.b.consume = false;
    let id = pair.a.tx.open_stream(&name("big"), StreamOptions::default()).unwrap();
    let message = noise(5_000_000, 1);
    pair.a.tx.enqueue(id, message.clone(), false).unwrap();
    pair.settle();
    pair.advance(std::time::Duration::from_secs(86_400));
    pair.settle();
    pair.b.consume = true;
    pair.b.consume_all();
    pair.settle();
    assert_eq!(pair.b.received("big").messages, [message]);
}

#[test]
fn refused_streams_do_not_pile_up() {
    let mut pair = Pair::new(small());
    for _ in 0..3_000 {
        let id = pair.a.tx.open_stream(&name("nobody"), StreamOptions::default()).unwrap();
        let _ = pair.a.tx.enqueue(id, noise(100, 1), true).unwrap();
        pair.a.transmit(1);
        while let Some(packet) = pair.a.wire.pop_front() {
            pair.b.rx.handle_packet(pair.now, &mut pair.b.rng, packet).unwrap();
        }
        pair.b.rx.refuse(id, StopReason::NoReceiver);
        pair.settle();
        pair.a.tx.end_stream(id);
        pair.settle();
    }
    assert!(pair.b.streams.values().all(|incoming| incoming.ended));
    assert!(pair.a.tx.is_idle());
}
