//! Fresh keys while packets are in flight.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use rand::{SeedableRng, rngs::StdRng};
use secure_channel::{Error, Suite};
use support::{End, Setup};

fn install(end: &mut End, keys: secure_channel::NextKeys) {
    end.opener.install(keys.opening).unwrap();
    end.sealer.install(keys.sealing).unwrap();
}

#[test]
fn nothing_in_flight_is_lost_while_keys_change() {
    for suite in Suite::ALL {
        let mut rng = StdRng::seed_from_u64(7);
        let (mut asks, mut answers) = Setup { suite, ..Setup::default() }.pair();
        let early_there = answers.seal(b"sealed before the request");
        let early_here = asks.seal(b"sealed before the request");
        let request = asks.rekey.request(&mut rng).unwrap();
        assert_eq!(asks.rekey.request(&mut rng).unwrap_err(), Error::RekeyUnderWay);

        let answer = answers.rekey.handle_request(&mut rng, &request).unwrap().unwrap();
        install(&mut answers, answer.keys.unwrap());
        assert_eq!(answers.sealer.generation(), Some(0), "the peer may not have the answer yet");
        let between = answers.seal(b"sealed after the answer");

        let keys = asks.rekey.handle_response(&answer.response).unwrap().unwrap();
        install(&mut asks, keys);
        assert_eq!(asks.sealer.generation(), Some(1));
        let fresh = asks.seal(b"sealed with fresh keys");

        answers.open(&fresh).unwrap();
        assert_eq!(answers.sealer.generation(), Some(1));
        answers.open(&early_here).unwrap();
        asks.open(&between).unwrap();
        let fresh_there = answers.seal(b"fresh, too");
        asks.open(&fresh_there).unwrap();
        asks.open(&early_there).unwrap();
        assert!(asks.rekey.is_idle() && answers.rekey.is_idle());

        let late = b"sealed with generation 0, arrives after the grace";
        asks.opener.forget_previous();
        assert_eq!(
            asks.open(&early_there).unwrap_err(),
            Error::UnknownEpoch,
            "{}",
            String::from_utf8_lossy(late)
        );
    }
}
