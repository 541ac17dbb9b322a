//! Defects of an earlier system of this kind, each shown to be absent here.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use rand::{SeedableRng, rngs::StdRng};
use secure_channel::{Error, Limits, Suite};
use support::{BOTH_AEADS, PATH, Setup, open, seal};

/// There, a stream in one direction never got fresh keys, because only a turn of the conversation brought them.
#[test]
fn a_stream_in_one_direction_gets_fresh_epochs_and_fresh_generations() {
    let limits = Limits { epoch_packets: 100, rekey_packets: 1_000, ..Limits::default() };
    let mut rng = StdRng::seed_from_u64(1);
    let (mut sends, mut listens) = Setup { limits, ..Setup::default() }.pair();
    let mut generations = 0;
    for _ in 0..10_000 {
        if sends.sealer.needs_rekey() && sends.rekey.is_idle() {
            let request = sends.rekey.request(&mut rng).unwrap();
            let answer = listens.rekey.handle_request(&mut rng, &request).unwrap().unwrap();
            let keys = answer.keys.unwrap();
            listens.opener.install(keys.opening).unwrap();
            listens.sealer.install(keys.sealing).unwrap();
            let keys = sends.rekey.handle_response(&answer.response).unwrap().unwrap();
            sends.opener.install(keys.opening).unwrap();
            sends.sealer.install(keys.sealing).unwrap();
            generations += 1;
        }
        let before = listens.sealer.generation();
        let packet = sends.seal(b"data, and never an answer but this:");
        listens.open(&packet).unwrap();
        if listens.sealer.generation() != before {
            let follows = listens.seal(b"");
            sends.open(&follows).unwrap();
        }
        assert!(packet[2] < 10, "ten epochs to a generation");
    }
    assert_eq!(generations, 9);
}

/// There, new keys were derived from the old ones without fresh randomness: whoever had copied the state once could
/// follow for ever.
#[test]
fn who_copied_all_secrets_once_is_locked_out_by_a_rekey() {
    for suite in Suite::ALL {
        let setup = Setup { suite, ..Setup::default() };
        let (mut here, mut there) = setup.pair();
        let (_, mut thief) = setup.pair();
        let packet = here.seal(b"the thief can read this");
        thief.open(&packet).unwrap();

        let mut rng = StdRng::seed_from_u64(2);
        let request = here.rekey.request(&mut rng).unwrap();
        let answer = there.rekey.handle_request(&mut rng, &request).unwrap().unwrap();
        there.opener.install(answer.keys.unwrap().opening).unwrap();
        // The thief has read both messages and has randomness of its own, but not that of either end.
        let mut thiefs_rng = StdRng::seed_from_u64(3);
        let thiefs_answer = thief.rekey.handle_request(&mut thiefs_rng, &request).unwrap().unwrap();
        thief.opener.install(thiefs_answer.keys.unwrap().opening).unwrap();

        let keys = here.rekey.handle_response(&answer.response).unwrap().unwrap();
        here.sealer.install(keys.sealing).unwrap();
        let packet = here.seal(b"but not this");
        assert_eq!(thief.open(&packet).unwrap_err(), Error::Unauthentic);
        there.open(&packet).unwrap();
    }
}

/// There, a sender that paused for seconds could be dropped silently. Here no clock decides what opens.
#[test]
fn a_pause_drops_nothing() {
    let (mut here, mut there) = Setup::default().pair();
    let first = here.seal(b"before the pause");
    let second = here.seal(b"after it");
    there.open(&first).unwrap();
    there.opener.forget_previous();
    there.open(&second).unwrap();
}

/// There, keys of an epoch could be computed again until its end. Here an epoch's keys are gone once it is forgotten.
#[test]
fn keys_of_a_forgotten_epoch_are_gone() {
    let (mut here, mut there) = Setup::default().pair();
    let recorded = here.seal(b"recorded, not delivered");
    let first = here.seal(b"of the first epoch");
    there.open(&first).unwrap();
    here.sealer.advance_epoch().unwrap();
    let moves = here.seal(b"of the next");
    there.open(&moves).unwrap();
    there.opener.forget_previous();
    assert_eq!(there.open(&recorded).unwrap_err(), Error::UnknownEpoch);
}

/// There, any but the first packet of an epoch could be replayed, even changed, for seconds.
#[test]
fn no_packet_of_any_epoch_opens_twice() {
    let (mut here, mut there) = Setup::default().pair();
    let mut recorded = Vec::new();
    for epoch in 0..4 {
        for n in 0..5 {
            let packet = here.seal(&[epoch, n]);
            there.open(&packet).unwrap();
            recorded.push(packet);
            for old in &recorded {
                let error = there.open(old).unwrap_err();
                assert!(matches!(error, Error::Replayed | Error::UnknownEpoch), "{error}");
                let mut changed = old.clone();
                *changed.last_mut().unwrap() ^= 1;
                assert!(there.open(&changed).is_err());
            }
        }
        here.sealer.advance_epoch().unwrap();
    }
}

/// There, both directions shared one key: what came back from a mirror was taken for the peer's.
#[test]
fn a_mirror_is_not_a_peer() {
    for aead in BOTH_AEADS {
        let (mut here, mut there) = Setup::with(aead).pair();
        for n in 0..100_u8 {
            for end in [&mut here, &mut there] {
                let packet = seal(&mut end.sealer, PATH, &[n], b"payload").unwrap();
                assert_eq!(open(&mut end.opener, &packet).unwrap_err(), Error::Unauthentic);
                assert!(!end.opener.confirmed());
            }
        }
    }
}
