//! Lines that flip, lose and add bytes under a stream of numbered frames.

use bytes::BytesMut;
use proptest::prelude::*;
use selfsync_codec::*;

use crate::bodies::{alphabet, random, scaled};
use crate::streams::hear;

/// A byte on the line, and where it belongs: frame and place in it. Damaged bytes belong nowhere.
type Sent = (u8, Option<(usize, usize)>);

#[derive(Clone, Copy, Debug)]
enum Blow {
    Flip(u8),
    Delete(usize),
    Insert { len: usize, seed: u64, of: &'static [u8] },
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        (1_u8..=255).prop_map(Blow::Flip),
        prop_oneof![4 => 1_usize..4, 1 => 4_usize..400].prop_map(Blow::Delete),
        (1_usize..30, any::<u64>(), alphabet()).prop_map(|(len, seed, of)| Blow::Insert { len, seed, of }),
    ]
}

fn strike(line: &mut Vec<Sent>, at: usize, blow: Blow) {
    match blow {
        Blow::Flip(mask) => line[at] = (line[at].0 ^ mask, None),
        Blow::Delete(len) => drop(line.drain(at..line.len().min(at + len))),
        Blow::Insert { len, seed, of } => {
            let noise = random(len, seed, of).into_iter().map(|byte| (byte, None));
            drop(line.splice(at..at, noise));
        }
    }
}

/// Frames whose bytes all stand on the line, together and in order.
fn unharmed(line: &[Sent], lengths: &[usize]) -> Vec<usize> {
    let stands = |frame: usize| {
        let Some(at) = line.iter().position(|(_, place)| *place == Some((frame, 0))) else { return false };
        let whole = (0..lengths[frame]).map(|place| Some((frame, place)));
        line[at..].iter().map(|(_, place)| *place).take(lengths[frame]).eq(whole)
    };
    (0..lengths.len()).filter(|&frame| stands(frame)).collect()
}

fn numbered_bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let body = (prop_oneof![3 => 0_usize..60, 1 => 0_usize..scaled(700, 100)], any::<u64>(), alphabet())
        .prop_map(|(len, seed, of)| random(len, seed, of));
    prop::collection::vec(body, 1..scaled(20, 5)).prop_map(|mut bodies| {
        for (number, body) in bodies.iter_mut().enumerate() {
            body.splice(0..0, (number as u32).to_le_bytes());
        }
        bodies
    })
}

fn sent(bodies: &[Vec<u8>], trailer: Trailer) -> (Vec<Sent>, Vec<usize>) {
    let (mut line, mut lengths) = (Vec::new(), Vec::new());
    for (number, body) in bodies.iter().enumerate() {
        let mut frame = BytesMut::new();
        Encoder::new(trailer).encode(body, &mut frame);
        line.extend(frame.iter().enumerate().map(|(place, &byte)| (byte, Some((number, place)))));
        lengths.push(frame.len());
    }
    (line, lengths)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 3_000 }, ..ProptestConfig::default() })]

    #[test]
    fn only_damaged_frames_are_lost(
        bodies in numbered_bodies(),
        blows in prop::collection::vec((any::<prop::sample::Index>(), blow()), 1..6),
    ) {
        for trailer in [Trailer::Crc32c, Trailer::None] {
            let (mut line, lengths) = sent(&bodies, trailer);
            for (at, blow) in &blows {
                let len = line.len();
                if len > 0 {
                    strike(&mut line, at.index(len), *blow);
                }
            }
            let bytes: Vec<u8> = line.iter().map(|(byte, _)| *byte).collect();
            let unharmed = unharmed(&line, &lengths);
            for scan in [Scan::Always, Scan::AfterDamage] {
                if (trailer, scan) == (Trailer::None, Scan::AfterDamage) {
                    // Nothing is promised: a damaged length may swallow frames and look right.
                    continue;
                }
                let mut config = Config::line(1000);
                (config.trailer, config.scan) = (trailer, scan);
                let heard = hear(config, &bytes, &[], true);
                // Every unharmed frame arrives, in order. (Trusting lengths, only the end of input brings the last.)
                let mut delivered = heard.bodies.iter();
                for number in &unharmed {
                    prop_assert!(delivered.any(|body| *body == bodies[*number]), "frame {number} with {scan:?}");
                }
                if trailer == Trailer::Crc32c {
                    prop_assert!(heard.bodies.iter().all(|body| bodies.contains(body)), "something wrong with {scan:?}");
                }
            }
        }
    }

    #[test]
    fn where_frames_share_markers_at_most_the_next_one_is_lost_too(
        bodies in numbered_bodies(),
        at in any::<prop::sample::Index>(),
        blow in blow(),
    ) {
        let (mut line, mut lengths) = sent(&bodies, Trailer::Crc32c);
        // Without its closing marker, a frame ends where the next one opens.
        line.retain(|(_, place)| place.is_some_and(|(frame, at)| frame + 1 == lengths.len() || at + 2 < lengths[frame]));
        let last = lengths.len() - 1;
        lengths[..last].iter_mut().for_each(|len| *len -= 2);
        let at = at.index(line.len());
        strike(&mut line, at, blow);
        let bytes: Vec<u8> = line.iter().map(|(byte, _)| *byte).collect();
        let unharmed = unharmed(&line, &lengths);
        let heard = hear(Config::line(1000), &bytes, &[], true);
        let lost: Vec<usize> = unharmed.into_iter().filter(|&number| !heard.bodies.contains(&bodies[number])).collect();
        // The blow may have taken the marker that closes the frame before it, nothing else.
        prop_assert!(lost.len() <= 1, "{lost:?}");
        prop_assert!(heard.bodies.iter().all(|body| bodies.contains(body)));
    }
}

#[test]
fn a_line_that_joins_late_hears_the_next_frame() {
    let mut stream = BytesMut::new();
    for body in [&b"first"[..], b"second", b"third"] {
        Encoder::new(Trailer::Crc32c).encode(body, &mut stream);
    }
    for start in 1..15 {
        let heard = hear(Config::line(100), &stream[start..], &[], false);
        assert_eq!(heard.bodies, [&b"second"[..], b"third"], "from byte {start}");
    }
}

#[test]
fn a_long_noise_is_reported_once() {
    let noise = [0x55; 10_000];
    let heard = hear(Config::line(100), &noise, &[1, 2, 3, 5_000], false);
    assert_eq!(heard.counters.resynchronizations, 1);
    assert_eq!(heard.counters.skipped_bytes, 10_000);
}

#[test]
fn trusting_lengths_is_made_up_for_by_scanning_what_failed() {
    // The first length leads over two good frames into nonsense.
    let mut stream = BytesMut::from(&b"\xFE\xFD\x01\x20"[..]);
    encode(b"hidden", &mut stream);
    encode(b"hidden too", &mut stream);
    stream.extend_from_slice(&[0xFF; 10]);
    encode(b"behind", &mut stream);
    let heard = hear(Config::reliable(100), &stream, &[], false);
    assert_eq!(heard.bodies, [&b"hidden"[..], b"hidden too", b"behind"]);
    assert_eq!(heard.damages[0].cause, Cause::BadLength);
}

#[test]
fn what_a_failed_frame_had_covered_is_not_trusted_again() {
    // A length that leads over a good frame to its closing marker: trusted, it hides that frame.
    let mut decoy = BytesMut::from(&b"\xFE\xFD\x01\x0Cab"[..]);
    encode(b"hidden", &mut decoy);
    let heard = hear(Config::reliable(100), &decoy, &[], false);
    assert_eq!(heard.bodies, [b"ab\xFE\xFD\x01\x06hidden"]);

    // The same behind a length that leads over it into nonsense.
    let mut stream = BytesMut::from(&[0xFE, 0xFD, 0x01, decoy.len() as u8][..]);
    stream.extend_from_slice(&decoy);
    stream.extend_from_slice(&[0xFF; 8]);
    let heard = hear(Config::reliable(100), &stream, &[], false);
    assert_eq!(heard.bodies, [b"hidden"]);
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    Encoder::new(Trailer::Crc32c).encode(body, &mut frame);
    frame.to_vec()
}

#[test]
fn markers_between_frames_are_no_damage() {
    let stream = [framed(b"one"), MARKER.repeat(3), framed(b"two")].concat();
    let heard = hear(Config::line(100), &stream, &[], false);
    assert_eq!(heard.bodies, [b"one", b"two"]);
    assert_eq!((heard.damages, heard.counters.skipped_bytes), (vec![], 6));
}

#[test]
fn only_behind_a_marker_a_frame_may_begin_with_its_version() {
    let without_marker = |body| framed(body).split_off(MARKER.len());
    let stream = [without_marker(b"one"), framed(b"two"), without_marker(b"three")].concat();
    let heard = hear(Config::line(100), &stream, &[], false);
    assert_eq!(heard.bodies, [&b"two"[..], b"three"]);
    let damages: Vec<_> = heard.damages.iter().map(|damage| (damage.cause, damage.offset)).collect();
    assert_eq!(damages, [(Cause::NoMarker, 0)]);
}

#[test]
fn what_follows_damage_up_to_the_next_frame_is_part_of_it() {
    let stream = [&b"noise"[..], &MARKER, b"more", &MARKER, b"and more", &framed(b"one")].concat();
    let heard = hear(Config::line(100), &stream, &[], false);
    assert_eq!(heard.bodies, [b"one"]);
    let damages: Vec<_> = heard.damages.iter().map(|damage| (damage.cause, damage.offset)).collect();
    assert_eq!(damages, [(Cause::NoMarker, 0)]);
}
