//! The crate against the second implementation, and that against the frozen file.

use std::time::Instant;

use proptest::prelude::*;
use x3dh_handshake::mychips::{
    Admission, AgentSecret, Call, Connection, End, Event, Limits, Phase, Question, Reason, Token,
};

use crate::{
    common::FixedRng,
    oracle::{
        Values, document,
        mychips::{Inputs, first_contact, known},
    },
    pair::{sent, told},
};

/// Both ends in the crate, every packet as the second implementation makes it.
fn run(input: &Inputs, values: &Values, by_ticket: bool) {
    let now = Instant::now();
    let (me, you) =
        (AgentSecret::from_seed(&input.seed_i).unwrap(), AgentSecret::from_seed(&input.seed_r).unwrap());
    let token = Token::new(&input.token).unwrap();
    let call = Call {
        responder: you.id(),
        token: by_ticket.then_some(&token),
        counter: input.counter,
        early: &input.early_i,
    };
    let ephemeral: &[&[u8]] = if by_ticket { &[&input.e_i] } else { &[&input.e_n, &input.e_i] };
    let mut rng = FixedRng::new(ephemeral);
    let mut caller = Connection::dial(now, me.clone(), Limits::default(), &call, &mut rng).unwrap();
    let first = sent(&mut caller);
    let expected: Vec<_> =
        if by_ticket { vec!["I"] } else { vec!["N", "K"] }.into_iter().map(|name| values.get(name)).collect();
    assert_eq!(first, expected);

    let mut called = Connection::accept(now, you.clone(), Limits::default());
    for packet in &first {
        called.handle_packet(now, packet).unwrap();
    }
    let question = match by_ticket {
        true => Question::Ticket { by: me.id(), token },
        false => Question::Known { claimed: me.id() },
    };
    assert_eq!(told(&mut called), [Event::Asks(question)]);
    let admission = Admission { early: input.early_r.clone(), ..Admission::default() };
    called.admit(now, &admission, &mut FixedRng::new(&[&input.e_r])).unwrap();
    let answer = sent(&mut called);
    assert_eq!(answer, [values.get("A")]);

    caller.handle_packet(now, &answer[0]).unwrap();
    caller.send(now, &input.message_i).unwrap();
    let confirmation = sent(&mut caller);
    assert_eq!(confirmation, [values.get("T of I, nothing"), values.get("T of I, message_I")]);
    called.handle_packet(now, &confirmation[0]).unwrap();
    let [Event::Opened { peer, counter, early }] = &told(&mut called)[..] else { panic!("not open") };
    assert_eq!((peer.id(), *counter, early), (me.id(), input.counter, &input.early_i));
    called.handle_packet(now, &confirmation[1]).unwrap();
    assert_eq!(told(&mut called), [Event::Message(input.message_i.clone())]);
    called.send(now, &input.message_r).unwrap();
    called.close(now, Reason::Done);
    let last = sent(&mut called);
    assert_eq!(last, [values.get("T of R, message_R"), values.get("T of R, CLOSE done")]);

    let [Event::Opened { peer, early, .. }] = &told(&mut caller)[..] else { panic!("not open") };
    assert_eq!((peer.id(), early), (you.id(), &input.early_r));
    caller.handle_packet(now, &last[0]).unwrap();
    assert_eq!(told(&mut caller), [Event::Message(input.message_r.clone())]);
    caller.handle_packet(now, &last[1]).unwrap();
    assert_eq!(told(&mut caller), [Event::Closed(End::ByPeer(Reason::Done))]);
    called.handle_packet(now, &sent(&mut caller)[0]).unwrap();
    assert_eq!(called.phase(), Phase::Closed);
}

#[test]
fn the_crate_makes_the_packets_of_the_second_implementation() {
    let input = Inputs::frozen();
    run(&input, &known(&input), false);
    run(&input, &first_contact(&input), true);
}

#[test]
fn the_second_implementation_makes_the_frozen_file() {
    let frozen: serde_json::Value = serde_json::from_str(include_str!("../vectors/mychips.json")).unwrap();
    assert_eq!(document::document()["mychips.json"], frozen);
}

fn inputs() -> impl Strategy<Value = Inputs> {
    let keys = any::<([u8; 32], [u8; 32], [u8; 32], [u8; 32], [u8; 32])>();
    let early = || prop::collection::vec(any::<u8>(), 0..100);
    let token = prop::collection::vec(any::<u8>(), 16..=64);
    (keys, any::<u64>(), early(), early(), token, early(), early()).prop_map(
        |((seed_i, seed_r, e_n, e_i, e_r), counter, early_i, early_r, token, message_i, message_r)| Inputs {
            seed_i,
            seed_r,
            e_n,
            e_i,
            e_r,
            counter,
            early_i,
            early_r,
            token,
            message_i,
            message_r,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn both_implementations_agree_byte_for_byte(input in inputs()) {
        prop_assume!(input.seed_i != input.seed_r);
        run(&input, &known(&input), false);
        run(&input, &first_contact(&input), true);
    }
}
