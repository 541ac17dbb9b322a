//! Fresh keys while packets are in flight.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use rand::{SeedableRng, rngs::StdRng};
use secure_channel::{Error, NextKeys, Suite};
use support::{End, Setup};

fn install(end: &mut End, keys: NextKeys) {
    end.opener.install(keys.opening).unwrap();
    end.sealer.install(keys.sealing).unwrap();
}

/// What every test here needs: two ends and randomness.
fn stage(suite: Suite) -> (StdRng, End, End) {
    let (initiator, responder) = Setup { suite, ..Setup::default() }.pair();
    (StdRng::seed_from_u64(7), initiator, responder)
}

/// Both ends see that the other uses the latest keys.
fn settle(one: &mut End, other: &mut End) {
    for _ in 0..2 {
        let packet = one.seal(b"here");
        other.open(&packet).unwrap();
        let packet = other.seal(b"there");
        one.open(&packet).unwrap();
    }
}

/// The rest of a rekey whose request has been made.
fn complete(rng: &mut StdRng, asks: &mut End, answers: &mut End, request: &[u8]) {
    let answer = answers.rekey.handle_request(rng, request).unwrap().unwrap();
    install(answers, answer.keys.unwrap());
    let keys = asks.rekey.handle_response(&answer.response).unwrap().unwrap();
    install(asks, keys);
    settle(asks, answers);
}

#[test]
fn nothing_in_flight_is_lost_while_keys_change() {
    for suite in Suite::ALL {
        let (mut rng, mut asks, mut answers) = stage(suite);
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
        let fresh_here = asks.seal(b"sealed with fresh keys");

        answers.open(&fresh_here).unwrap();
        assert_eq!(answers.sealer.generation(), Some(1));
        answers.open(&early_here).unwrap();
        asks.open(&between).unwrap();
        assert!(!asks.rekey.is_idle() && answers.rekey.is_idle());
        let fresh_there = answers.seal(b"sealed with fresh keys, too");
        asks.open(&fresh_there).unwrap();
        assert!(asks.rekey.is_idle());
        asks.opener.forget_previous();
        assert_eq!(asks.open(&early_there).unwrap_err(), Error::UnknownEpoch);
    }
}

#[test]
fn either_end_asks_again_and_again() {
    let (mut rng, mut initiator, mut responder) = stage(Suite::X3dhHybrid);
    for generation in 1..300 {
        let (asks, answers) = if generation % 3 == 0 {
            (&mut responder, &mut initiator)
        } else {
            (&mut initiator, &mut responder)
        };
        let request = asks.rekey.request(&mut rng).unwrap();
        complete(&mut rng, asks, answers, &request);
        for end in [&initiator, &responder] {
            assert_eq!(end.sealer.generation(), Some(generation));
            assert_eq!(end.rekey.generation(), generation);
        }
    }
}

#[test]
fn of_requests_that_cross_the_initiators_wins() {
    let (mut rng, mut initiator, mut responder) = stage(Suite::X3dhHybrid);
    let wins = initiator.rekey.request(&mut rng).unwrap();
    let loses = responder.rekey.request(&mut rng).unwrap();
    assert!(initiator.rekey.handle_request(&mut rng, &loses).unwrap().is_none());
    complete(&mut rng, &mut initiator, &mut responder, &wins);
    assert!(initiator.rekey.handle_request(&mut rng, &loses).unwrap().is_none(), "stale by now");
    assert_eq!((initiator.rekey.generation(), responder.rekey.generation()), (1, 1));
    assert!(initiator.rekey.is_idle() && responder.rekey.is_idle());
}

#[test]
fn messages_that_arrive_again_do_no_harm() {
    let (mut rng, mut asks, mut answers) = stage(Suite::X3dh);
    let request = asks.rekey.request(&mut rng).unwrap();
    let answer = answers.rekey.handle_request(&mut rng, &request).unwrap().unwrap();
    install(&mut answers, answer.keys.unwrap());
    let again = answers.rekey.handle_request(&mut rng, &request).unwrap().unwrap();
    assert_eq!(again.response, answer.response, "the same answer, and no second set of keys");
    assert!(again.keys.is_none());

    let keys = asks.rekey.handle_response(&answer.response).unwrap().unwrap();
    install(&mut asks, keys);
    assert!(asks.rekey.handle_response(&answer.response).unwrap().is_none());
    settle(&mut asks, &mut answers);
    assert!(answers.rekey.handle_request(&mut rng, &request).unwrap().is_none(), "settled");
    assert!(asks.rekey.handle_response(&answer.response).unwrap().is_none());
    settle(&mut asks, &mut answers);
}

#[test]
fn messages_out_of_turn_are_refused() {
    let (mut rng, mut asks, mut answers) = stage(Suite::X3dh);
    assert_eq!(
        asks.rekey.handle_response(&[&[1, 0, 0, 0, 0, 0, 0, 0][..], &[0; 32]].concat()).unwrap_err(),
        Error::RekeyOutOfTurn
    );

    let request = asks.rekey.request(&mut rng).unwrap();
    let mut ahead = request.clone();
    ahead[0] = 2;
    assert_eq!(answers.rekey.handle_request(&mut rng, &ahead).unwrap_err(), Error::RekeyOutOfTurn);
    let mut answer_ahead = ahead;
    answer_ahead.truncate(40);
    assert_eq!(asks.rekey.handle_response(&answer_ahead).unwrap_err(), Error::RekeyOutOfTurn);
    complete(&mut rng, &mut asks, &mut answers, &request);

    let request = asks.rekey.request(&mut rng).unwrap();
    let answer = answers.rekey.handle_request(&mut rng, &request).unwrap().unwrap();
    install(&mut answers, answer.keys.unwrap());
    let mut hurried = request;
    hurried[0] = 3;
    assert_eq!(answers.rekey.handle_request(&mut rng, &hurried).unwrap_err(), Error::RekeyOutOfTurn);
}

#[test]
fn what_is_no_request_is_refused_and_changes_nothing() {
    for suite in Suite::ALL {
        let (mut rng, mut asks, mut answers) = stage(suite);
        let request = asks.rekey.request(&mut rng).unwrap();
        for length in 0..request.len() {
            assert_eq!(
                answers.rekey.handle_request(&mut rng, &request[..length]).unwrap_err(),
                Error::RekeyRejected
            );
        }
        let longer = [&request[..], &[0]].concat();
        assert_eq!(answers.rekey.handle_request(&mut rng, &longer).unwrap_err(), Error::RekeyRejected);
        let mut low_order = request.clone();
        low_order[8..40].fill(0);
        assert_eq!(answers.rekey.handle_request(&mut rng, &low_order).unwrap_err(), Error::RekeyRejected);
        assert!(answers.rekey.is_idle());
        complete(&mut rng, &mut asks, &mut answers, &request);
    }
}

#[test]
fn what_is_no_response_is_refused() {
    for suite in Suite::ALL {
        let (mut rng, mut asks, mut answers) = stage(suite);
        let request = asks.rekey.request(&mut rng).unwrap();
        let answer = answers.rekey.handle_request(&mut rng, &request).unwrap().unwrap();
        let mut low_order = answer.response.clone();
        low_order[8..40].fill(0);
        let longer = [&answer.response[..], &[0]].concat();
        let lengths = (0..answer.response.len()).map(|length| answer.response[..length].to_vec());
        for no_response in lengths.chain([low_order, longer]) {
            let (mut rng, mut asks, _) = stage(suite);
            let _ = asks.rekey.request(&mut rng).unwrap();
            assert_eq!(asks.rekey.handle_response(&no_response).unwrap_err(), Error::RekeyRejected);
            assert_eq!(asks.rekey.generation(), 0);
        }
    }
}

/// A response that another made leads to other keys: nothing opens.
#[test]
fn a_changed_message_leads_to_other_keys() {
    let (mut rng, mut asks, mut answers) = stage(Suite::X3dhHybrid);
    let request = asks.rekey.request(&mut rng).unwrap();
    let answer = answers.rekey.handle_request(&mut rng, &request).unwrap().unwrap();
    install(&mut answers, answer.keys.unwrap());
    let mut changed = answer.response;
    *changed.last_mut().unwrap() ^= 1;
    let keys = asks.rekey.handle_response(&changed).unwrap().unwrap();
    install(&mut asks, keys);
    let packet = asks.seal(b"with keys of its own");
    assert_eq!(answers.open(&packet).unwrap_err(), Error::Unauthentic);
    assert_eq!(answers.sealer.generation(), Some(0));
}

#[test]
fn only_keys_that_were_agreed_on_and_are_used_let_the_next_request_be_made() {
    let (mut rng, mut asks, mut answers) = stage(Suite::X3dh);
    let request = asks.rekey.request(&mut rng).unwrap();
    asks.rekey.handle_followed(0);
    assert!(!asks.rekey.is_idle(), "asked, and not answered");
    answers.rekey.handle_request(&mut rng, &request).unwrap().unwrap();
    for other in [0, 2] {
        answers.rekey.handle_followed(other);
        assert!(!answers.rekey.is_idle(), "agreed, and not followed");
    }
    answers.rekey.handle_followed(1);
    assert!(answers.rekey.is_idle());
}
