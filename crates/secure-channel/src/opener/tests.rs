//! What may change an opener, and what may not.

use super::*;
use crate::testing::{BOTH_AEADS, End, pair};
use crate::{HEADER_BYTES, MAX_PACKET_BYTES, MAX_PATHS, OVERHEAD_BYTES, TAG_BYTES, WINDOW_PACKETS};

impl Opener {
    /// Everything that decides anything, secrets included.
    fn state(&self) -> String {
        let generations = self.generations.as_ref().map(|held| {
            let others = [&held.next, &held.previous].map(|other| other.as_ref().map(|boxed| boxed.state()));
            (held.current.state(), others)
        });
        format!("{:?} {} {:?} {generations:?}", self.tag, self.confirmed, self.retired)
    }

    /// Gives a packet that must not open, and checks that nothing at all has changed.
    fn refuses(&mut self, packet: &[u8]) -> Error {
        let before = self.state();
        let mut copy = packet.to_vec();
        let error = self.open(&mut copy).expect_err("a packet that must not open");
        assert_eq!(self.state(), before, "after {error}");
        error
    }
}

/// A session in which every kind of key is held, and for each kind a packet that has not been delivered yet.
fn packets_of_all_standings(here: &mut End, there: &mut End) -> Vec<(&'static str, Vec<u8>)> {
    let first = here.seal(0, b"the first");
    there.open(&first).unwrap();
    let previous_generation = here.seal(0, b"of the generation before");
    here.rekeys_with(there, 1);
    let follow = here.seal(0, b"makes the peer follow");
    there.open(&follow).unwrap();
    let previous_epoch = here.seal(0, b"of the epoch before");
    here.sealer.advance_epoch().unwrap();
    let step = here.seal(0, b"makes the epoch move");
    there.open(&step).unwrap();
    let present = here.seal(0, b"of the present keys");
    let new_path = here.seal(1, b"of a new path");
    here.sealer.advance_epoch().unwrap();
    let next_epoch = here.seal(0, b"of the next epoch");
    here.rekeys_with(there, 2);
    let next_generation = here.seal(0, b"of the next generation");
    vec![
        ("previous generation", previous_generation),
        ("previous epoch", previous_epoch),
        ("present", present),
        ("new path", new_path),
        ("next epoch", next_epoch),
        ("next generation", next_generation),
    ]
}

#[test]
fn no_byte_of_a_packet_can_be_changed() {
    for aead in BOTH_AEADS {
        let (mut here, mut there) = pair(aead, 0, Limits::default());
        for (standing, packet) in packets_of_all_standings(&mut here, &mut there) {
            for place in 0..packet.len() {
                for bit in 0..8 {
                    let mut damaged = packet.clone();
                    damaged[place] ^= 1 << bit;
                    let error = there.opener.refuses(&damaged);
                    assert_eq!(error == Error::Malformed, place == 0 || (place == 18 && bit >= 6), "{error}");
                }
            }
            assert!(there.open(&packet).is_ok(), "the packet of the {standing} itself opens");
            assert_eq!(there.opener.refuses(&packet), Error::Replayed, "{standing}");
        }
    }
}

#[test]
fn no_packet_can_be_cut_or_extended() {
    for aead in BOTH_AEADS {
        let (mut here, mut there) = pair(aead, 0, Limits::default());
        for (standing, packet) in packets_of_all_standings(&mut here, &mut there) {
            for length in 0..packet.len() {
                let error = there.opener.refuses(&packet[..length]);
                assert_eq!(error == Error::Malformed, length < OVERHEAD_BYTES);
            }
            for extra in 1..40 {
                there.opener.refuses(&[&packet[..], &vec![0; extra]].concat());
            }
            assert!(there.open(&packet).is_ok(), "{standing}");
        }
        assert_eq!(there.opener.refuses(&vec![0x10; MAX_PACKET_BYTES + 1]), Error::Malformed);
    }
}

#[test]
fn no_packet_opens_in_another_session_or_at_its_sender() {
    for aead in BOTH_AEADS {
        let (mut here, mut there) = pair(aead, 0, Limits::default());
        let (mut other_here, mut other_there) = pair(aead, 1, Limits::default());
        let _ = packets_of_all_standings(&mut other_here, &mut other_there);
        for (standing, packet) in packets_of_all_standings(&mut here, &mut there) {
            for stranger in [&mut here, &mut other_here, &mut other_there] {
                let error = stranger.opener.refuses(&packet);
                assert!(
                    matches!(error, Error::Unauthentic | Error::UnknownEpoch | Error::Replayed),
                    "{error}"
                );
            }
            assert!(there.open(&packet).is_ok(), "{standing}");
        }
    }
}

#[test]
fn a_recorded_session_replayed_whole_changes_nothing() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let mut recorded = Vec::new();
    for round in 0..3_u64 {
        for n in 0..700 {
            recorded.push(here.seal(n % 3, &n.to_le_bytes()));
            there.open(recorded.last().unwrap()).unwrap();
            if n % 100 == 0 {
                here.sealer.advance_epoch().unwrap();
            }
        }
        here.rekeys_with(&mut there, round);
    }
    for packet in &recorded {
        let error = there.opener.refuses(packet);
        assert!(matches!(error, Error::Replayed | Error::UnknownEpoch), "{error}");
    }
}

#[test]
fn of_two_that_open_at_once_one_is_accepted() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let packet = here.seal(0, b"once");
    let mut copies = [packet.clone(), packet];
    let tickets = copies.each_ref().map(|copy| there.opener.ticket(copy).unwrap());
    let before = there.opener.state();
    let mut opened = tickets.into_iter().zip(&mut copies).map(|(ticket, copy)| ticket.open(copy).unwrap());
    let (first, second) = (opened.next().unwrap(), opened.next().unwrap());
    assert_eq!(there.opener.state(), before, "opening alone accepts nothing");
    assert!(there.opener.commit(second).unwrap().confirms);
    let after = there.opener.state();
    assert_eq!(there.opener.commit(first).unwrap_err(), Error::Replayed);
    assert_eq!(there.opener.state(), after);
    for copy in &copies {
        assert_eq!(&copy[HEADER_BYTES..copy.len() - TAG_BYTES], b"once");
    }
}

#[test]
fn a_ticket_is_for_one_packet_of_one_session() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let one = here.seal(0, b"one");
    let mut two = here.seal(0, b"two");
    let before = two.clone();
    assert_eq!(there.opener.ticket(&one).unwrap().open(&mut two).unwrap_err(), Error::WrongTicket);
    assert_eq!(two, before, "untouched");
    let mut longer = [&one[..], b"!"].concat();
    assert_eq!(there.opener.ticket(&one).unwrap().open(&mut longer).unwrap_err(), Error::WrongTicket);

    let opened = there.opener.ticket(&one).unwrap().open(&mut one.clone()).unwrap();
    there.opener.tag = Tag(8);
    assert_eq!(there.opener.commit(opened).unwrap_err(), Error::WrongTicket);
}

#[test]
fn the_replay_window_reaches_back_1024_numbers_on_each_path() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    for path in [0, 5] {
        let packets: Vec<_> =
            (0..2_u64 + WINDOW_PACKETS).map(|n| here.seal(path, &n.to_le_bytes())).collect();
        there.open(packets.last().unwrap()).unwrap();
        assert_eq!(there.opener.refuses(&packets[0]), Error::TooOld);
        assert_eq!(there.opener.refuses(&packets[1]), Error::TooOld);
        there.open(&packets[2]).unwrap();
        assert_eq!(there.opener.refuses(&packets[2]), Error::Replayed);
        there.open(&packets[3]).unwrap();
    }
}

#[test]
fn epochs_move_by_one_and_the_way_back_is_erased() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let mut waiting = Vec::new();
    for n in 0..4_u8 {
        waiting.push([here.seal(0, &[n]), here.seal(0, &[n])]);
        here.sealer.advance_epoch().unwrap();
    }
    assert_eq!(there.opener.refuses(&waiting[2][0]), Error::UnknownEpoch, "two steps at once");
    there.open(&waiting[0][0]).unwrap();
    there.open(&waiting[1][0]).unwrap();
    assert!(there.opener.holds_previous());
    there.open(&waiting[0][1]).unwrap();
    there.open(&waiting[2][0]).unwrap();
    there.open(&waiting[1][1]).unwrap();
    assert_eq!(there.opener.refuses(&waiting[0][1]), Error::UnknownEpoch, "two epochs ago");
    there.opener.forget_previous();
    assert_eq!(there.opener.refuses(&waiting[1][1]), Error::UnknownEpoch, "forgotten");
    there.open(&waiting[2][1]).unwrap();
}

#[test]
fn the_epoch_byte_wraps_without_confusion() {
    let (mut here, mut there) = pair(BOTH_AEADS[1], 0, Limits::default());
    let first = here.seal(0, b"epoch 0");
    there.open(&first).unwrap();
    let mut last_but_one = first.clone();
    for _ in 0..600 {
        here.sealer.advance_epoch().unwrap();
        let packets = [here.seal(0, b"one"), here.seal(0, b"two")];
        there.open(&packets[0]).unwrap();
        there.opener.refuses(&first);
        there.opener.refuses(&last_but_one);
        last_but_one = packets[1].clone();
        there.open(&last_but_one).unwrap();
    }
}

#[test]
fn the_grace_of_the_keys_before_ends() {
    let limits = Limits { grace_packets: 10, ..Limits::default() };
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, limits);
    let late: Vec<_> = (0..4).map(|_| here.seal(0, b"late")).collect();
    here.sealer.advance_epoch().unwrap();
    for n in 0..10 {
        let packet = here.seal(0, b"epoch 1");
        there.open(&packet).unwrap();
        assert_eq!(there.opener.holds_previous(), n < 9);
    }
    assert_eq!(there.opener.refuses(&late[0]), Error::UnknownEpoch);

    let late = here.seal(0, b"late");
    here.rekeys_with(&mut there, 3);
    for n in 0..10 {
        let packet = here.seal(0, b"generation 1");
        there.open(&packet).unwrap();
        assert_eq!(there.opener.holds_previous(), n < 9);
    }
    assert_eq!(there.opener.refuses(&late), Error::UnknownEpoch);
}

#[test]
fn a_path_number_never_comes_back() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let [seen, unseen, late] = [b"seen", b"unse", b"late"].map(|text| here.seal(3, text));
    there.open(&seen).unwrap();
    there.opener.retire_path(PathNumber(3));
    assert_eq!(there.opener.refuses(&unseen), Error::PathRetired);
    here.rekeys_with(&mut there, 1);
    let fresh = here.seal(3, b"with fresh keys");
    assert_eq!(there.opener.refuses(&fresh), Error::PathRetired);
    let other = here.seal(4, b"another path");
    there.open(&other).unwrap();
    assert_eq!(there.opener.refuses(&late), Error::PathRetired);
}

#[test]
fn a_path_in_use_survives_thousands_of_others_and_fresh_keys() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    for path in [0, 1] {
        let packet = here.seal(path, b"the paths that stay");
        there.open(&packet).unwrap();
    }
    for path in 2..3_000 {
        let packet = here.seal(path, b"comes and goes");
        there.open(&packet).unwrap();
        here.sealer.retire_path(PathNumber(path));
        there.opener.retire_path(PathNumber(path));
    }
    here.rekeys_with(&mut there, 1);
    for path in [0, 1] {
        let fresh = here.seal(path, b"fresh keys");
        there.open(&fresh).unwrap();
    }
    for path in [2, 1_000, 2_999] {
        assert_eq!(here.sealer.reserve(PathNumber(path)).unwrap_err(), Error::PathRetired);
    }
}

#[test]
fn paths_are_bounded_over_all_generations() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let last = u32::try_from(MAX_PATHS).unwrap();
    for path in 0..last {
        let packet = here.seal(path, b"one of many");
        there.open(&packet).unwrap();
    }
    assert_eq!(here.sealer.reserve(PathNumber(last)).unwrap_err(), Error::TooManyPaths);
    let old_packets = [here.seal(0, b"old"), here.seal(1, b"old")];
    here.rekeys_with(&mut there, 1);
    here.sealer.retire_path(PathNumber(0));
    let new_path = here.seal(last, b"one too many");
    assert_eq!(there.opener.refuses(&new_path), Error::TooManyPaths);
    there.opener.retire_path(PathNumber(0));
    there.open(&new_path).unwrap();
    assert_eq!(there.opener.refuses(&old_packets[0]), Error::PathRetired);
    there.open(&old_packets[1]).unwrap();
}

#[test]
fn a_path_first_seen_under_the_keys_before_takes_a_place_too() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let last = u32::try_from(MAX_PATHS).unwrap() - 1;
    let late = here.seal(99, b"of the generation before");
    here.sealer.retire_path(PathNumber(99));
    here.rekeys_with(&mut there, 1);
    for path in 0..last {
        let packet = here.seal(path, b"fresh keys");
        there.open(&packet).unwrap();
    }
    there.open(&late).unwrap();
    let one_more = here.seal(last, b"fresh keys");
    assert_eq!(there.opener.refuses(&one_more), Error::TooManyPaths);
}

#[test]
fn a_packet_says_whose_session_it_is_for() {
    let (mut here, _) = pair(BOTH_AEADS[0], 0, Limits::default());
    let packet = here.seal(0, b"");
    assert_eq!(crate::tag_of(&packet), Ok(Tag(7)));
    assert_eq!(crate::tag_of(&packet[1..]), Err(Error::Malformed));
    for kind in (0..=u8::MAX).filter(|kind| *kind != packet[0]) {
        assert_eq!(crate::tag_of(&[&[kind], &packet[1..]].concat()), Err(Error::Malformed));
    }
}

#[test]
fn a_closed_opener_opens_nothing_and_holds_no_key() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let packet = here.seal(0, b"late");
    let ticket = there.opener.ticket(&packet).unwrap();
    let opened = ticket.open(&mut packet.clone()).unwrap();
    there.opener.close();
    assert!(there.opener.generations.is_none());
    assert_eq!(there.opener.refuses(&packet), Error::Closed);
    assert_eq!(there.opener.commit(opened).unwrap_err(), Error::Closed);
    assert!(!there.opener.confirmed());
}

#[test]
fn keys_out_of_turn_are_not_installed() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    here.rekeys_with(&mut there, 1);
    let before = there.opener.state();
    for generation in [0, 1, 2, 3] {
        let next = NextOpening { generation, chain: ChainKey::new(&[1; 32]) };
        assert_eq!(there.opener.install(next).unwrap_err(), Error::WrongGeneration);
    }
    assert_eq!(there.opener.state(), before);
}

/// Between its ticket and its acceptance others may have moved the keys on: as if it had come after them.
#[test]
fn a_packet_whose_epoch_is_gone_once_it_has_opened_is_not_accepted() {
    for forgets in [false, true] {
        let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
        let first = here.seal(0, b"the first");
        there.open(&first).unwrap();
        let mut late = here.seal(0, b"of the first epoch");
        let opened = there.opener.ticket(&late).unwrap().open(&mut late).unwrap();
        for _ in 0..if forgets { 1 } else { 2 } {
            here.sealer.advance_epoch().unwrap();
            let step = here.seal(0, b"makes the epoch move");
            there.open(&step).unwrap();
        }
        if forgets {
            there.opener.forget_previous();
        }
        let before = there.opener.state();
        assert_eq!(there.opener.commit(opened).unwrap_err(), Error::UnknownEpoch);
        assert_eq!(there.opener.state(), before);
    }
}

#[test]
fn keys_that_move_by_an_epoch_or_a_generation_are_told() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let open = |there: &mut End, mut packet: Vec<u8>| there.opener.open(&mut packet).unwrap().1;
    let committed = open(&mut there, here.seal(0, b"the first"));
    assert_eq!((committed.confirms, committed.generation, committed.moved), (true, None, false));
    here.sealer.advance_epoch().unwrap();
    let committed = open(&mut there, here.seal(0, b"of the next epoch"));
    assert_eq!((committed.confirms, committed.generation, committed.moved), (false, None, true));
    here.rekeys_with(&mut there, 1);
    let committed = open(&mut there, here.seal(0, b"of the next generation"));
    assert_eq!((committed.confirms, committed.generation, committed.moved), (false, Some(1), true));
}

/// One block of keys serves the packets beside each other, and goes with its epoch.
#[test]
fn keys_kept_for_the_packets_beside_are_erased_with_their_epoch() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let keeps = |there: &End, epoch| {
        let generations = there.opener.generations.as_ref().unwrap();
        // Those of the packet that came and of the one beside it.
        [0, 1].map(|number| generations.current.keeps_key_of(epoch, PathNumber(1), number))
    };
    for text in [&b"makes the path known"[..], b"has its keys kept"] {
        let packet = here.seal(1, text);
        there.open(&packet).unwrap();
    }
    assert_eq!(keeps(&there, 0), [true; 2]);
    here.sealer.advance_epoch().unwrap();
    let step = here.seal(0, b"makes the epoch move, on another path");
    there.open(&step).unwrap();
    assert_eq!(keeps(&there, 0), [false; 2]);
}
