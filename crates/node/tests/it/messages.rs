//! Messages arrive: in order, both ways, whole.

use std::time::Duration;

use bytes::Bytes;
use node::{Compression, Limits, MemoryNetwork, Priority, Run, SendError, StopReason, StreamOptions};

use crate::support::{Pair, name, next, noise, whole};

#[tokio::test]
async fn a_message_crosses_loopback() {
    let pair = Pair::tcp().await;
    one_message(&pair).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_crosses_memory() {
    let pair = Pair::memory().await;
    one_message(&pair).await;
}

async fn one_message(pair: &Pair) {
    let (sender, mut receiver) = pair.stream("greetings");
    sender.send(&b"hello"[..]).await.unwrap();
    let incoming = receiver.recv().await.unwrap();
    assert_eq!(incoming.from, pair.alice.identity());
    assert_eq!(whole(incoming).await, &b"hello"[..]);

    let mut answers = pair.alice.receiver(name("answers")).unwrap();
    let answer = pair.bob.sender(pair.alice.identity(), name("answers"), StreamOptions::default());
    answer.send_confirmed(Bytes::from_static(b"good day")).await.unwrap();
    assert_eq!(next(&mut answers).await, &b"good day"[..]);
    assert_eq!(pair.alice.sessions().len(), 1, "both directions share one session");
    pair.alice.shutdown().await;
    pair.bob.shutdown().await;
    assert!(receiver.recv().await.is_none());
}

/// Sizes around every way in which a message may travel: packed, as one chunk, as many.
const SIZES: [usize; 12] = [0, 1, 63, 64, 252, 253, 16_384, 16_385, 64_000, 64_259, 200_000, 1_500_000];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_all_sizes_arrive_in_order_both_ways_at_once() {
    let pair = Pair::tcp().await;
    let (there, mut at_bob) = pair.stream("there");
    let back = pair.bob.sender(pair.alice.identity(), name("back"), StreamOptions::default());
    let mut at_alice = pair.alice.receiver(name("back")).unwrap();
    let count = 600;
    let message = |index: usize, salt: u64| noise(SIZES[index % SIZES.len()], index as u64 + salt);
    let sending = [(there, 0), (back, 1_000)].map(|(sender, salt)| {
        tokio::spawn(async move {
            for index in 0..count {
                sender.send(message(index, salt)).await.unwrap();
            }
        })
    });
    for index in 0..count {
        assert!(next(&mut at_bob).await == message(index, 0), "there: {index}");
        assert!(next(&mut at_alice).await == message(index, 1_000), "back: {index}");
    }
    for task in sending {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_sent_together_arrive_in_order_whatever_their_size() {
    let pair = Pair::tcp().await;
    let (sender, mut receiver) = pair.stream("together");
    let count = 20_000;
    // More than all windows hold, most of it in small messages.
    let message = |index: usize| {
        noise(if index % 500 == 499 { SIZES[index / 500 % SIZES.len()] } else { index % 700 }, index as u64)
    };
    let sending = tokio::spawn(async move { sender.send_all((0..count).map(message)).await });
    for index in 0..count {
        assert!(next(&mut receiver).await == message(index), "{index}");
    }
    sending.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_messages_sent_together_those_before_the_refused_one_arrive() {
    let mut limits = Limits::default();
    limits.max_message_bytes = 1_000;
    let pair = Pair::memory_with(&node::MemoryNetwork::new(), limits).await;
    let (sender, mut receiver) = pair.stream("together");
    let sizes = [10, 1_000, 1_001, 20];
    let refused = sender.send_all(sizes.map(|size| noise(size, 1))).await;
    assert!(matches!(refused, Err(SendError::TooLarge { bytes: 1_001, limit: 1_000 })), "{refused:?}");
    sender.send("goes on").await.unwrap();
    assert_eq!(next(&mut receiver).await, noise(10, 1));
    assert_eq!(next(&mut receiver).await, noise(1_000, 1));
    assert_eq!(next(&mut receiver).await, &b"goes on"[..]);
}

#[tokio::test(start_paused = true)]
async fn names_keep_streams_apart() {
    let pair = Pair::memory().await;
    let (one, mut at_one) = pair.stream("one");
    let (two, mut at_two) = pair.stream("two");
    assert!(pair.bob.receiver(name("one")).is_err(), "a name has one receiver");
    for index in 0..100 {
        one.send(vec![1, index]).await.unwrap();
        two.send(vec![2, index]).await.unwrap();
    }
    for index in 0..100 {
        assert_eq!(next(&mut at_two).await, vec![2, index]);
        assert_eq!(next(&mut at_one).await, vec![1, index]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_confirmed_message_is_in_the_queue() {
    let pair = Pair::memory().await;
    let (sender, mut receiver) = pair.stream("s");
    sender.send_confirmed("first").await.unwrap();
    // Whatever happens to the session now, the message is there.
    pair.alice.disconnect(pair.bob.identity());
    assert_eq!(next(&mut receiver).await, "first");
    sender.send_confirmed("second").await.unwrap();
    assert_eq!(next(&mut receiver).await, "second");
}

#[tokio::test(start_paused = true)]
async fn without_a_receiver_the_sender_learns_it_and_may_try_again() {
    let pair = Pair::memory().await;
    let sender = pair.alice.sender(pair.bob.identity(), name("later"), StreamOptions::default());
    let error = sender.send_confirmed("early").await.unwrap_err();
    assert!(matches!(error, SendError::Refused { reason: StopReason::NoReceiver, .. }), "{error:?}");
    assert!(error.is_retryable());
    let mut receiver = pair.bob.receiver(name("later")).unwrap();
    let mut refused = 0;
    while let Err(error) = sender.send_confirmed("in time").await {
        assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
        refused += 1;
    }
    assert!(refused <= 1, "the refusal is told once");
    assert_eq!(next(&mut receiver).await, "in time");
    drop(receiver);
    let error = sender.send_confirmed("late").await.unwrap_err();
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_travels_in_pieces() {
    let pair = Pair::tcp().await;
    let (sender, mut receiver) = pair.stream("files");
    let pieces: Vec<Bytes> = (0..300_u64).map(|index| noise(100_000 + index as usize, index)).collect();
    let total = pieces.iter().map(|piece| piece.len() as u64).sum();
    let expected = pieces.concat();
    let sending = tokio::spawn(async move {
        let mut outgoing = sender.begin(total).await.unwrap();
        for piece in pieces {
            outgoing.write(piece).await.unwrap();
        }
        assert_eq!(outgoing.unwritten_bytes(), 0);
        outgoing.finish().await.unwrap();
        sender.send("after").await.unwrap();
    });
    let mut body = receiver.recv().await.unwrap().body;
    assert_eq!(body.len(), total);
    let mut received = Vec::new();
    while let Some(piece) = body.next().await {
        received.extend_from_slice(&piece.unwrap());
    }
    assert!(received == expected);
    assert_eq!(next(&mut receiver).await, "after");
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pieces_keep_to_the_announced_total() {
    let pair = Pair::memory().await;
    let (sender, mut receiver) = pair.stream("files");
    let mut outgoing = sender.begin(10).await.unwrap();
    outgoing.write("123456").await.unwrap();
    assert_eq!(outgoing.write("78901").await, Err(SendError::TooLarge { bytes: 5, limit: 4 }));
    outgoing.write("7890").await.unwrap();
    outgoing.finish().await.unwrap();
    assert_eq!(next(&mut receiver).await, "1234567890");

    let mut outgoing = sender.begin(10).await.unwrap();
    outgoing.write("12345").await.unwrap();
    assert_eq!(outgoing.finish().await, Err(SendError::Incomplete { missing_bytes: 5 }));

    sender.begin(0).await.unwrap().finish().await.unwrap();
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let Ok(incoming) = tokio::time::timeout(Duration::from_secs(5), receiver.recv()).await else { break };
        sizes.push(incoming.unwrap().body.collect(100).await);
    }
    assert_eq!(sizes.last(), Some(&Ok(Bytes::new())), "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_beyond_the_limit_is_refused_at_home() {
    let mut limits = Limits::default();
    limits.max_message_bytes = 100_000;
    let pair = Pair::memory_with(&node::MemoryNetwork::new(), limits).await;
    let (sender, mut receiver) = pair.stream("s");
    let error = sender.send(noise(100_001, 1)).await.unwrap_err();
    assert_eq!(error, SendError::TooLarge { bytes: 100_001, limit: 100_000 });
    assert!(!error.is_retryable());
    assert!(sender.begin(100_001).await.is_err());
    sender.send(noise(100_000, 2)).await.unwrap();
    assert_eq!(next(&mut receiver).await, noise(100_000, 2));
}

#[tokio::test(start_paused = true)]
async fn compressed_and_secret_streams_deliver_the_same() {
    let pair = Pair::memory().await;
    let text = Bytes::from("to be or not to be, ".repeat(50_000));
    let compressed = StreamOptions::default().with_compression(Compression::Auto);
    for (index, options) in [compressed, compressed.secret()].into_iter().enumerate() {
        let (sender, mut receiver) = pair.stream_with(&format!("text {index}"), options);
        for message in [text.clone(), noise(300_000, 7), Bytes::from_static(b"short")] {
            sender.send(message.clone()).await.unwrap();
            assert!(next(&mut receiver).await == message);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_urgent_message_overtakes_a_large_one() {
    let pair = Pair::tcp().await;
    let (bulk, mut at_bulk) =
        pair.stream_with("bulk", StreamOptions::default().with_priority(Priority::Bulk));
    let (urgent, mut at_urgent) =
        pair.stream_with("urgent", StreamOptions::default().with_priority(Priority::Urgent));
    let total = 64 * 1024 * 1024;
    let sending = tokio::spawn(async move {
        let mut outgoing = bulk.begin(total).await.unwrap();
        let piece = noise(1 << 20, 1);
        while outgoing.unwritten_bytes() > 0 {
            outgoing.write(piece.clone()).await.unwrap();
        }
        outgoing.finish().await.unwrap();
    });
    let mut body = at_bulk.recv().await.unwrap().body;
    let receiving = tokio::spawn(async move {
        let mut received = 0;
        while let Some(piece) = body.next().await {
            received += piece.unwrap().len() as u64;
        }
        received
    });
    let mut overtaken = 0;
    while !receiving.is_finished() {
        urgent.send(&b"now"[..]).await.unwrap();
        assert_eq!(next(&mut at_urgent).await, &b"now"[..]);
        overtaken += 1;
    }
    assert!(overtaken > 10, "only {overtaken} urgent messages got past");
    assert_eq!(receiving.await.unwrap(), total);
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn try_send_takes_what_fits_and_no_more() {
    let pair = Pair::memory().await;
    let (sender, mut receiver) = pair.stream("s");
    assert_eq!(sender.try_send("no session yet"), Err(SendError::Full));
    sender.send("connects").await.unwrap();
    let mut taken = 1;
    while sender.try_send(noise(1_000, taken)).is_ok() {
        taken += 1;
        assert!(taken < 100_000, "without a bound");
    }
    assert_eq!(next(&mut receiver).await, "connects");
    for index in 1..taken {
        assert_eq!(next(&mut receiver).await, noise(1_000, index));
    }
}

#[tokio::test]
async fn a_ping_measures_the_way_there_and_back() {
    let pair = Pair::tcp().await;
    let first = pair.alice.ping(pair.bob.identity()).await.unwrap();
    assert!(first < Limits::default().ping_timeout);
    let pings: Vec<_> = (0..10).map(|_| pair.alice.ping(pair.bob.identity())).collect();
    for ping in pings {
        ping.await.unwrap();
    }
}

/// Messages taken in runs, one by one, and in turns: each comes once, in order, and its credit goes back.
#[tokio::test(start_paused = true)]
async fn runs_are_the_same_messages_in_the_same_order() {
    let mut limits = Limits::default();
    limits.session_window_bytes = 256 << 10;
    limits.stream_window_bytes = 128 << 10;
    let pair = Pair::memory_with(&MemoryNetwork::new(), limits).await;
    let (sender, mut receiver) = pair.stream("there");
    // Several windows of them, in packets that they fill and in packets of a few.
    let count = 30_000;
    let sizes = [0, 1, 64, 64, 64, 252, 64, 3_000];
    let message = move |index: usize| match index % 1_000 {
        999 => noise(100_000, index as u64),
        _ => noise(sizes[index % sizes.len()], index as u64),
    };
    let sending = tokio::spawn(async move {
        for index in 0..count {
            sender.send(message(index)).await.unwrap();
            if index % 7_000 == 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    });
    let (mut index, mut runs) = (0, 0);
    while index < count {
        // The first of a run may have been taken alone.
        if index % 3 == 0 {
            assert!(next(&mut receiver).await == message(index), "{index}");
            index += 1;
            continue;
        }
        runs += 1;
        match receiver.recv_run().await.unwrap() {
            Run::Small(messages) => {
                assert_eq!(messages.from(), pair.alice.identity());
                for received in messages.iter() {
                    assert!(message(index) == received, "{index}");
                    index += 1;
                }
            }
            Run::Large(incoming) => {
                assert!(whole(incoming).await == message(index), "{index}");
                index += 1;
            }
            _ => unreachable!(),
        }
    }
    assert!(runs < count / 4, "{runs} runs of {count} messages");
    sending.await.unwrap();
    assert_eq!(pair.alice.sessions().len(), 1);
    pair.alice.shutdown().await;
    pair.bob.shutdown().await;
    assert!(receiver.recv_run().await.is_none());
}
