//! Numbers, keys and epochs of what goes out.

use std::collections::HashSet;

use super::*;
use crate::testing::{BOTH_AEADS, pair};
use crate::{MAX_PACKET_BYTES, MAX_PATHS};

impl Sealer {
    /// Everything that decides anything, secrets included.
    fn state(&self) -> String {
        let dump = |outgoing: &Outgoing| {
            let lanes: Vec<_> = outgoing.paths.iter().map(|(path, lane)| (path, lane.next)).collect();
            let counts = (outgoing.generation, outgoing.epoch, outgoing.sealed_in_epoch, outgoing.sealed);
            format!("{counts:?} {:?} {:?} {lanes:?}", outgoing.chain.bytes(), outgoing.key.bytes())
        };
        format!(
            "{:?} {:?} {:?}",
            self.current.as_ref().map(dump),
            self.next.as_deref().map(dump),
            self.retired
        )
    }

    fn set_next_number(&mut self, path: PathNumber, number: u64) {
        let current = self.current.as_mut().unwrap();
        current.paths.enter(path, Lane::new).next = number;
    }
}

/// Two ends seal on several paths through epochs and generations. Whatever happens, no key serves twice: neither
/// with the same nonce nor with another.
#[test]
fn no_key_is_used_twice() {
    let limits = Limits { epoch_packets: 1_000, ..Limits::default() };
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, limits);
    let mut used = HashSet::new();
    for round in 0..20_u64 {
        for n in 0..5_000_u32 {
            for from_here in [true, false] {
                let (end, peer) = if from_here { (&mut here, &mut there) } else { (&mut there, &mut here) };
                let ticket = end.sealer.reserve(PathNumber(n % 5)).unwrap();
                assert!(used.insert(ticket.cipher.key.0), "a key came back");
                let mut packet = [0; OVERHEAD_BYTES];
                ticket.seal(&mut packet, &[]).unwrap();
                peer.open(&packet).unwrap();
            }
        }
        here.rekeys_with(&mut there, round);
    }
    assert_eq!(used.len(), 200_000);
}

#[test]
fn numbers_end_before_they_wrap_and_begin_anew_with_fresh_keys() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    here.sealer.set_next_number(PathNumber(2), Limits::REKEY_NUMBER - 1);
    let _ = here.seal(2, b"");
    assert!(!here.sealer.needs_rekey());
    let _ = here.seal(2, b"");
    assert!(here.sealer.needs_rekey());

    here.sealer.set_next_number(PathNumber(2), MAX_PACKET_NUMBER);
    let last = here.seal(2, b"the last");
    there.open(&last).unwrap();
    let before = here.sealer.state();
    assert_eq!(here.sealer.reserve(PathNumber(2)).unwrap_err(), Error::Exhausted);
    assert_eq!(here.sealer.state(), before);
    let other_path = here.seal(0, b"other paths go on");
    there.open(&other_path).unwrap();

    here.rekeys_with(&mut there, 1);
    assert!(!here.sealer.needs_rekey());
    assert_eq!(here.sealer.reserve(PathNumber(2)).unwrap().number(), 0);
}

#[test]
fn the_epoch_ends_after_its_packets() {
    let limits = Limits { epoch_packets: 3, rekey_packets: 7, ..Limits::default() };
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, limits);
    for n in 0..10_u8 {
        assert_eq!(here.sealer.needs_rekey(), n >= 7);
        let packet = here.seal(u32::from(n % 2), b"");
        assert_eq!(packet[2], n / 3, "epoch of packet {n}");
        there.open(&packet).unwrap();
    }
}

#[test]
fn an_epoch_is_not_left_unused() {
    let (mut here, _) = pair(BOTH_AEADS[0], 0, Limits::default());
    let before = here.sealer.state();
    assert_eq!(here.sealer.advance_epoch().unwrap_err(), Error::EpochUnused);
    assert_eq!(here.sealer.state(), before);
    let _ = here.seal(0, b"");
    here.sealer.advance_epoch().unwrap();
    assert_eq!(here.sealer.advance_epoch().unwrap_err(), Error::EpochUnused);
}

#[test]
fn refused_reservations_change_nothing() {
    let limits = Limits { epoch_packets: 1, ..Limits::default() };
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, limits);
    for path in 0..u32::try_from(MAX_PATHS).unwrap() {
        let _ = here.seal(path, b"");
    }
    let before = here.sealer.state();
    assert_eq!(here.sealer.reserve(PathNumber(99)).unwrap_err(), Error::TooManyPaths);
    assert_eq!(here.sealer.state(), before, "the epoch has not moved either");
    here.sealer.retire_path(PathNumber(3));
    let before = here.sealer.state();
    assert_eq!(here.sealer.reserve(PathNumber(3)).unwrap_err(), Error::PathRetired);
    assert_eq!(here.sealer.state(), before);
    here.rekeys_with(&mut there, 1);
    assert_eq!(
        here.sealer.reserve(PathNumber(3)).unwrap_err(),
        Error::PathRetired,
        "with fresh keys neither"
    );
}

#[test]
fn buffers_must_fit() {
    let (mut here, _) = pair(BOTH_AEADS[0], 0, Limits::default());
    for (packet_bytes, payload_bytes, fits) in [
        (0, 0, false),
        (OVERHEAD_BYTES - 1, 0, false),
        (OVERHEAD_BYTES, 0, true),
        (OVERHEAD_BYTES, 1, false),
        (OVERHEAD_BYTES + 9, 10, false),
        (OVERHEAD_BYTES + 10, 10, true),
        (OVERHEAD_BYTES + 11, 10, true),
        (MAX_PACKET_BYTES, MAX_PLAINTEXT_BYTES, true),
        (MAX_PACKET_BYTES, 0, true),
        (MAX_PACKET_BYTES + 1, 0, false),
        (MAX_PACKET_BYTES + 1, MAX_PLAINTEXT_BYTES + 1, false),
    ] {
        let mut packet = vec![0; packet_bytes];
        let sealed = here.sealer.reserve(PathNumber(0)).unwrap().seal(&mut packet, &vec![1; payload_bytes]);
        assert_eq!(sealed, if fits { Ok(()) } else { Err(Error::WrongLength) });
        assert_eq!(
            packet.iter().all(|byte| *byte == 0),
            !fits,
            "nothing is written into a buffer that is refused"
        );
    }
}

#[test]
fn a_closed_sealer_seals_nothing_and_holds_no_key() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    let ticket = here.sealer.reserve(PathNumber(0)).unwrap();
    here.sealer.close();
    assert!(here.sealer.current.is_none() && here.sealer.next.is_none());
    assert_eq!(here.sealer.reserve(PathNumber(0)).unwrap_err(), Error::Closed);
    assert_eq!(here.sealer.advance_epoch().unwrap_err(), Error::Closed);
    assert_eq!(here.sealer.generation(), None);
    let mut farewell = vec![0; OVERHEAD_BYTES];
    ticket.seal(&mut farewell, &[]).unwrap();
    there.open(&farewell).unwrap();
}

#[test]
fn keys_out_of_turn_are_not_installed() {
    let (mut here, mut there) = pair(BOTH_AEADS[0], 0, Limits::default());
    here.rekeys_with(&mut there, 1);
    for end in [&mut here, &mut there] {
        let before = end.sealer.state();
        for generation in [0, 1, 3] {
            let next = NextSealing { generation, chain: ChainKey::new(&[1; 32]), at_once: true };
            assert_eq!(end.sealer.install(next).unwrap_err(), Error::WrongGeneration);
        }
        end.sealer.follow(9);
        assert_eq!(end.sealer.state(), before);
    }
}
