//! What a hostile peer can send: each is a typed error, dooms at most its own message, and leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::as_conversions, missing_docs)]

mod support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use chunk_proto::{
    Accepted, ChunkOptions, Coding, Compression, DeflateFlaw, Deflater, EXPIRY, Error, Limits,
    MAX_MESSAGE_BYTES, MESSAGE_WINDOW, MIN_BYTES_PER_SECOND, MessageId, NodeBudget, PEER_BUDGET_BYTES,
    Reassembler, WORKING_BYTES,
};
use flate2::write::DeflateEncoder;
use std::io::Write as _;
use support::{Listener, Standing, chunks, content, header, scaled};

const CHUNK: u32 = 1_000;
const TOTAL: u64 = 5_000;

fn options() -> ChunkOptions {
    ChunkOptions { chunk_bytes: CHUNK, ..ChunkOptions::default() }
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    // Not `finish`, which takes the encoder in and drops it: Miri does not allow what zlib-rs 0.6.8 does then, which is
    // to free memory behind a `&mut` that came in as an argument.
    encoder.try_finish().unwrap();
    encoder.get_ref().clone()
}

/// A chunk of message 1, what must become of it.
type Attack = (&'static str, chunk_proto::ChunkHeader, Vec<u8>, Error);

fn attacks() -> Vec<Attack> {
    let message = MessageId(1);
    let good = content(1, TOTAL as usize)[3_000..4_000].to_vec();
    let coded = |coding| header(1, 3, TOTAL, CHUNK, coding);
    let conflict = Error::OutlineConflict { message };
    let length =
        |payload_bytes| Error::PayloadLength { message, index: 3, payload_bytes, chunk_bytes: 1_000 };
    let flaw = |flaw| Error::Deflate { message, index: 3, flaw };
    let stream = deflated(&good);
    let trailing = [&stream[..], b"\0"].concat();
    let two_streams = [&stream[..], &stream[..]].concat();
    let unfinished = stream[..stream.len() - 1].to_vec();
    vec![
        ("a longer total", header(1, 3, TOTAL + 1, CHUNK, Coding::Raw), good.clone(), conflict.clone()),
        ("a shorter total", header(1, 3, TOTAL - 1, CHUNK, Coding::Raw), good.clone(), conflict.clone()),
        ("a giant total", header(1, 3, 1 << 40, CHUNK, Coding::Raw), good.clone(), conflict.clone()),
        ("another grid", header(1, 3, TOTAL, 500, Coding::Raw), good[..500].to_vec(), conflict.clone()),
        ("one chunk", header(1, 0, 1_000, CHUNK, Coding::Raw), good.clone(), conflict.clone()),
        ("no bytes", header(1, 0, 0, CHUNK, Coding::Raw), vec![], conflict.clone()),
        (
            "a conflict in a known chunk",
            header(1, 0, TOTAL, 500, Coding::Raw),
            good[..500].to_vec(),
            conflict,
        ),
        ("a short payload", coded(Coding::Raw), good[..999].to_vec(), length(999)),
        ("a long payload", coded(Coding::Raw), [&good[..], b"!"].concat(), length(1_001)),
        ("an empty payload", coded(Coding::Raw), vec![], length(0)),
        ("a stream as long as what it covers", coded(Coding::Deflate), good.clone(), length(1_000)),
        ("an empty stream", coded(Coding::Deflate), vec![], flaw(DeflateFlaw::Unfinished)),
        ("no stream", coded(Coding::Deflate), vec![0xFF; 100], flaw(DeflateFlaw::Broken)),
        ("a cut stream", coded(Coding::Deflate), unfinished, flaw(DeflateFlaw::Unfinished)),
        ("bytes behind the stream", coded(Coding::Deflate), trailing, flaw(DeflateFlaw::TrailingBytes)),
        ("two streams", coded(Coding::Deflate), two_streams, flaw(DeflateFlaw::TrailingBytes)),
        ("one byte less", coded(Coding::Deflate), deflated(&good[1..]), flaw(DeflateFlaw::TooShort)),
        (
            "one byte more",
            coded(Coding::Deflate),
            deflated(&[&good[..], b"!"].concat()),
            flaw(DeflateFlaw::TooLong),
        ),
        (
            "a bomb",
            coded(Coding::Deflate),
            deflated(&vec![0; scaled(900_000, 3_000)]),
            flaw(DeflateFlaw::TooLong),
        ),
    ]
}

#[test]
fn each_attack_is_told_and_dooms_only_its_message() {
    let now = Instant::now();
    for (name, bad_header, payload, expected) in attacks() {
        for polled in [false, true] {
            let node = NodeBudget::default();
            let mut reassembler = Reassembler::new(Limits::default(), node.clone());
            let mut listener = Listener::default();
            let mut deflater = Deflater::default();
            let [victim, other] =
                [1, 2].map(|id| chunks(id, &content(id, TOTAL as usize), &options(), &mut deflater));
            for chunk in [&victim[0], &victim[2], &victim[4], &other[1], &other[0]] {
                reassembler.accept(now, chunk.header, chunk.payload.clone()).unwrap();
                if polled {
                    listener.drain(&mut reassembler);
                }
            }
            let result = reassembler.accept(now, bad_header, payload.clone().into());
            assert_eq!(result, Err(expected.clone()), "{name}");
            listener.drain(&mut reassembler);
            let standing = polled.then_some(Standing::Doomed);
            assert_eq!(listener.standing(1), standing, "{name}");
            assert_eq!(reassembler.open_messages(), 1, "{name}");
            // The rest of the doomed message is not news, the other one goes on.
            let late = reassembler.accept(now, victim[1].header, victim[1].payload.clone());
            assert_eq!(late, Ok(Accepted::Ended), "{name}");
            for chunk in &other[2..] {
                reassembler.accept(now, chunk.header, chunk.payload.clone()).unwrap();
            }
            listener.drain(&mut reassembler);
            assert_eq!(listener.complete(2), content(2, TOTAL as usize), "{name}");
            assert_eq!((reassembler.used_bytes(), node.used_bytes(), reassembler.open_messages()), (0, 0, 0));
        }
    }
}

/// A bad first chunk opens nothing and spends nothing, not even the message's id.
#[test]
fn a_bad_first_chunk_changes_nothing() {
    let now = Instant::now();
    for (name, bad_header, payload, expected) in attacks() {
        if matches!(expected, Error::OutlineConflict { .. }) {
            continue; // nothing to conflict with yet
        }
        let node = NodeBudget::default();
        let mut reassembler = Reassembler::new(Limits::default(), node.clone());
        let mut listener = Listener::default();
        assert_eq!(reassembler.accept(now, bad_header, payload.into()), Err(expected), "{name}");
        listener.drain(&mut reassembler);
        assert!(listener.messages.is_empty());
        assert_eq!(
            (reassembler.used_bytes(), reassembler.open_messages(), reassembler.poll_timeout()),
            (0, 0, None)
        );
        let message = content(1, TOTAL as usize);
        for chunk in chunks(1, &message, &options(), &mut Deflater::default()) {
            assert_eq!(reassembler.accept(now, chunk.header, chunk.payload), Ok(Accepted::New));
        }
        listener.drain(&mut reassembler);
        assert_eq!(listener.complete(1), message);
    }
}

#[test]
fn giant_messages_are_refused() {
    let now = Instant::now();
    let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
    for total_bytes in [MAX_MESSAGE_BYTES + 1, 1 << 40] {
        let header = header(1, 0, total_bytes, 64_000, Coding::Raw);
        let refused = reassembler.accept(now, header, vec![0; 64_000].into());
        let limit_bytes = MAX_MESSAGE_BYTES;
        assert_eq!(refused, Err(Error::MessageTooLarge { message: MessageId(1), total_bytes, limit_bytes }));
    }
    let most = header(1, 0, MAX_MESSAGE_BYTES, 64_000, Coding::Raw);
    assert_eq!(reassembler.accept(now, most, vec![0; 64_000].into()), Ok(Accepted::New));
}

#[test]
fn held_chunks_stop_at_the_budget_and_come_back_exactly() {
    let now = Instant::now();
    let node = NodeBudget::default();
    let mut reassembler = Reassembler::new(Limits::default(), node.clone());
    let mut listener = Listener::default();
    let payload = Bytes::from(vec![7; 64_000]);
    let mut held = 0;
    // Everything but the first chunk, so that nothing can be given out.
    let refusal = loop {
        held += 1;
        let header = header(1, held, MAX_MESSAGE_BYTES, 64_000, Coding::Raw);
        if let Err(error) = reassembler.accept(now, header, payload.clone()) {
            break error;
        }
        listener.drain(&mut reassembler);
        assert!(reassembler.used_bytes() <= PEER_BUDGET_BYTES - WORKING_BYTES);
    };
    assert!(refusal.is_no_room() && matches!(refusal, Error::PeerBudget { .. }));
    assert!(u64::from(held) * 64_000 > 8_000_000, "most of the budget is usable: {held} chunks");
    // The chunk that closes the gap has room, and what waited comes out.
    let first = header(1, 0, MAX_MESSAGE_BYTES, 64_000, Coding::Raw);
    assert_eq!(reassembler.accept(now, first, payload.clone()), Ok(Accepted::New));
    listener.drain(&mut reassembler);
    assert_eq!(listener.messages[&1].bytes.len() as u64, u64::from(held) * 64_000);
    assert!(reassembler.abandon(MessageId(1)));
    assert_eq!((reassembler.used_bytes(), node.used_bytes()), (0, 0));
}

#[test]
fn open_messages_are_counted() {
    let now = Instant::now();
    let limits = Limits { max_open_messages: 3, ..Limits::default() };
    let mut reassembler = Reassembler::new(limits, NodeBudget::default());
    let mut listener = Listener::default();
    let open = |reassembler: &mut Reassembler, id| {
        reassembler.accept(now, header(id, 0, TOTAL, CHUNK, Coding::Raw), vec![0; 1_000].into())
    };
    for id in 0..3 {
        assert_eq!(open(&mut reassembler, id), Ok(Accepted::New));
    }
    assert_eq!(open(&mut reassembler, 3), Err(Error::TooManyOpenMessages { limit: 3 }));
    // Messages of one chunk need no place.
    let single = header(4, 0, 10, CHUNK, Coding::Raw);
    assert_eq!(reassembler.accept(now, single, vec![0; 10].into()), Ok(Accepted::New));
    assert!(reassembler.abandon(MessageId(1)));
    // The refusal did not spend the id.
    assert_eq!(open(&mut reassembler, 3), Ok(Accepted::New));
    listener.drain(&mut reassembler);
}

#[test]
fn ended_messages_do_not_reopen() {
    let mut now = Instant::now();
    let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
    let mut listener = Listener::default();
    let mut accept = |reassembler: &mut Reassembler, now, id, index| {
        let message = content(id, TOTAL as usize);
        let chunk = chunks(id, &message, &options(), &mut Deflater::default()).remove(index);
        let result = reassembler.accept(now, chunk.header, chunk.payload);
        listener.drain(reassembler);
        result
    };
    for index in 0..5 {
        assert_eq!(accept(&mut reassembler, now, 0, index), Ok(Accepted::New));
    }
    assert_eq!(accept(&mut reassembler, now, 1, 0), Ok(Accepted::New));
    assert!(reassembler.abandon(MessageId(1)));
    assert!(!reassembler.abandon(MessageId(1)), "there is nothing left of it");
    assert_eq!(accept(&mut reassembler, now, 2, 0), Ok(Accepted::New));
    now += EXPIRY;
    reassembler.handle_timeout(now);
    for id in 0..3 {
        for index in 0..5 {
            assert_eq!(accept(&mut reassembler, now, id, index), Ok(Accepted::Ended), "{id} {index}");
        }
    }
    // What is too far behind the newest counts as ended even if it was never seen; what is open goes on.
    assert_eq!(accept(&mut reassembler, now, 3, 0), Ok(Accepted::New));
    assert_eq!(accept(&mut reassembler, now, 10 + MESSAGE_WINDOW, 0), Ok(Accepted::New));
    assert_eq!(accept(&mut reassembler, now, 10, 0), Ok(Accepted::Ended));
    assert_eq!(accept(&mut reassembler, now, 11, 0), Ok(Accepted::New));
    assert_eq!(accept(&mut reassembler, now, 3, 1), Ok(Accepted::New));
    assert_eq!(accept(&mut reassembler, now, u64::MAX, 0), Ok(Accepted::New));
    assert_eq!(accept(&mut reassembler, now, 11, 1), Ok(Accepted::New));
    assert_eq!(accept(&mut reassembler, now, 11, 0), Ok(Accepted::Duplicate));
    assert_eq!(accept(&mut reassembler, now, 12, 0), Ok(Accepted::Ended));
}

/// Whatever waits to be told of a message of one chunk is dropped with it, and what it was charged comes back.
#[test]
fn a_message_of_one_chunk_is_abandoned_until_all_was_told() {
    let now = Instant::now();
    let node = NodeBudget::default();
    let mut reassembler = Reassembler::new(Limits::default(), node.clone());
    let mut listener = Listener::default();
    for id in 1..=4 {
        let whole = header(id, 0, 40_000, 64_000, Coding::Raw);
        assert_eq!(reassembler.accept(now, whole, vec![7; 40_000].into()), Ok(Accepted::New));
    }
    // All but the first, which nothing had to wait for.
    let one_held = reassembler.used_bytes() / 3;
    assert!(one_held > 40_000 && node.used_bytes() > 0);
    assert!(reassembler.abandon(MessageId(2)) && !reassembler.abandon(MessageId(2)));
    assert_eq!(reassembler.used_bytes(), 2 * one_held);
    while listener.standing(3).is_none() {
        listener.hear(reassembler.poll_event().unwrap());
    }
    assert!(reassembler.abandon(MessageId(3)), "of which the beginning was told");
    listener.drain(&mut reassembler);
    let standings = [1, 2, 3, 4].map(|id| listener.standing(id));
    let complete = Some(Standing::Complete);
    assert_eq!(standings, [complete, None, Some(Standing::Open), complete]);
    assert!(!reassembler.abandon(MessageId(4)), "there is nothing left of it");
    assert_eq!((reassembler.used_bytes(), node.used_bytes()), (0, 0));
}

#[test]
fn an_idle_message_expires_and_gives_everything_back() {
    let start = Instant::now();
    let node = NodeBudget::default();
    let mut reassembler = Reassembler::new(Limits::default(), node.clone());
    let mut listener = Listener::default();
    let message = content(1, 300_000);
    let chunks = chunks(1, &message, &ChunkOptions::default(), &mut Deflater::default());
    for (second, index) in [(0, 0), (20, 2), (50, 3)] {
        let now = start + Duration::from_secs(second);
        reassembler.accept(now, chunks[index].header, chunks[index].payload.clone()).unwrap();
        listener.drain(&mut reassembler);
    }
    assert!(node.used_bytes() > 100_000);
    let last_progress = start + Duration::from_secs(50);
    // A duplicate is no progress.
    let duplicate =
        reassembler.accept(last_progress + EXPIRY / 2, chunks[2].header, chunks[2].payload.clone());
    assert_eq!(duplicate, Ok(Accepted::Duplicate));
    assert!(reassembler.poll_timeout().unwrap() <= last_progress + EXPIRY);
    reassembler.handle_timeout(last_progress + EXPIRY - Duration::from_nanos(1));
    listener.drain(&mut reassembler);
    assert_eq!(listener.standing(1), Some(Standing::Open));
    assert_eq!(reassembler.poll_timeout(), Some(last_progress + EXPIRY), "exact once asked");
    reassembler.handle_timeout(last_progress + EXPIRY);
    assert!(node.used_bytes() == 0, "gives back at once, told or not");
    listener.drain(&mut reassembler);
    assert_eq!(listener.standing(1), Some(Standing::Expired));
    assert_eq!(
        (reassembler.used_bytes(), reassembler.open_messages(), reassembler.poll_timeout()),
        (0, 0, None)
    );
}

/// A chunk just before each deadline does not keep a message open for ever; an honest pace does, and so does a
/// receiver that owns up to the delay.
#[test]
fn a_trickle_expires() {
    let lifetime = |every: Duration, bytes: u32, postponing: bool| {
        let start = Instant::now();
        let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
        let mut listener = Listener::default();
        for index in 0..scaled(1_000, 50) as u32 {
            let now = start + every * index;
            reassembler.handle_timeout(now);
            if postponing {
                reassembler.postpone(now, MessageId(1));
            }
            let header = header(1, index, 1 << 26, bytes, Coding::Raw);
            let accepted = reassembler.accept(now, header, vec![0; bytes as usize].into()).unwrap();
            listener.drain(&mut reassembler);
            if accepted == Accepted::Ended {
                assert_eq!(listener.standing(1), Some(Standing::Expired));
                return Some(now - start);
            }
        }
        None
    };
    let trickle = EXPIRY - Duration::from_secs(1);
    assert!(lifetime(trickle, 64, false).unwrap() <= EXPIRY * 2);
    assert!(lifetime(Duration::from_secs(10), 64, false).unwrap() <= EXPIRY * 2);
    assert_eq!(lifetime(trickle, 64, true), None);
    assert_eq!(lifetime(Duration::from_secs(60_000 / MIN_BYTES_PER_SECOND), 60_000, false), None);
}

#[test]
fn a_dropped_reassembler_gives_back_what_it_held() {
    let node = NodeBudget::default();
    let mut reassembler = Reassembler::new(Limits::default(), node.clone());
    for index in 1..20 {
        let header = header(1, index, 1 << 21, 64_000, Coding::Raw);
        reassembler.accept(Instant::now(), header, vec![0; 64_000].into()).unwrap();
    }
    assert!(node.used_bytes() > 1_000_000);
    drop(reassembler);
    assert_eq!(node.used_bytes(), 0);
}

/// Blocks of dynamic codes that define `lengths` for the literals, an end-of-block and a distance code, and then hold
/// nothing: eleven bytes make a decoder build its tables.
fn empty_dynamic_blocks(limit_bytes: usize) -> Vec<u8> {
    // From the lowest bit on: value and width.
    let mut block = vec![(0, 1), (2, 2), (0, 5), (0, 5), (14, 4)];
    // Lengths of the code length codes in deflate's order 16, 17, 18, 0, ..: only 18 and 1 occur, one bit each.
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1];
    block.extend(order.map(|symbol| (u32::from([1, 18].contains(&symbol)), 3)));
    // 138 + 118 zeros, then length 1 for end-of-block and for distance 0, then the end of the block.
    block.extend([(1, 1), (138 - 11, 7), (1, 1), (118 - 11, 7), (0, 1), (0, 1), (0, 1)]);
    let bits: Vec<bool> =
        block.iter().flat_map(|(value, width)| (0..*width).map(move |i| value >> i & 1 == 1)).collect();
    let mut stream: Vec<u8> = Vec::new();
    for (at, bit) in bits.iter().cycle().take(limit_bytes * 8 / bits.len() * bits.len()).enumerate() {
        if at % 8 == 0 {
            stream.push(0);
        }
        *stream.last_mut().unwrap() |= u8::from(*bit) << (at % 8);
    }
    stream
}

/// The most that a chunk can cost: blocks that build tables and give nothing, blocks that are empty, a bomb. A payload
/// is shorter than what it covers, so the time is bounded: by that of a chunk of letters, which takes as much longer where
/// the machine is slow.
#[test]
fn inflating_is_bounded_in_time() {
    /// How many times as long as the letters the worst may take; it is a tenth of that.
    const MOST: u32 = 60;
    /// How long a chunk is. Interpreted, it is only inflated: times would say nothing.
    const CHUNK_BYTES: usize = scaled(64_000, 2_000);
    let fastest = |payload: &[u8], expected: &dyn Fn(&Result<Accepted, Error>) -> bool| {
        let header = header(1, 0, CHUNK_BYTES as u64, CHUNK_BYTES as u32, Coding::Deflate);
        let once = || {
            let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
            let payload = Bytes::copy_from_slice(payload);
            let start = Instant::now();
            let outcome = reassembler.accept(start, header, payload);
            let took = start.elapsed();
            assert!(expected(&outcome), "{outcome:?}");
            took
        };
        // Whoever is interrupted is not the fastest.
        (0..scaled(20, 1)).map(|_| once()).min().unwrap()
    };
    // Sixteen letters in no order: a code for each, and nothing that repeats.
    let letters = (0..CHUNK_BYTES).scan(1_u32, |state, _| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(b'a' + (*state >> 28) as u8)
    });
    let honest = fastest(&deflated(&letters.collect::<Vec<_>>()), &|outcome| outcome.is_ok());
    println!("letters: {honest:?}");
    let mut bomb = deflated(&vec![0; scaled(60_000_000, 6_000)]);
    bomb.truncate(CHUNK_BYTES - 1);
    let stored = [0x00, 0x00, 0x00, 0xFF, 0xFF].repeat(CHUNK_BYTES / 5 - 1);
    for (name, payload, flaw) in [
        ("a bomb", bomb, DeflateFlaw::TooLong),
        ("empty stored blocks", stored, DeflateFlaw::Unfinished),
        ("empty dynamic blocks", empty_dynamic_blocks(CHUNK_BYTES - 1), DeflateFlaw::Unfinished),
    ] {
        let refused = Err(Error::Deflate { message: MessageId(1), index: 0, flaw });
        let took = fastest(&payload, &|outcome| *outcome == refused);
        println!("{name}: {took:?}");
        assert!(cfg!(miri) || took < honest * MOST, "{name}: {took:?}, {honest:?} for letters");
    }
}

#[test]
fn secret_messages_are_never_compressed() {
    let message = vec![b'a'; 200_000];
    for compression in [Compression::Never, Compression::Always, Compression::Auto] {
        let options =
            ChunkOptions { compression, secrecy: chunk_proto::Secrecy::Secret, ..ChunkOptions::default() };
        for chunk in chunks(1, &message, &options, &mut Deflater::default()) {
            assert_eq!(chunk.header.coding(), Coding::Raw);
            assert_eq!(chunk.payload.len(), chunk.header.covered_bytes());
        }
    }
}
