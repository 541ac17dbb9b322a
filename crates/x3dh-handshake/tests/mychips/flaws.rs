//! What goes wrong where this protocol is implemented otherwise, one test each: it does not here.

use x3dh_handshake::Error;
use x3dh_handshake::mychips::{
    Admission, Call, Connection, End, Event, Limits, MAX_EARLY_BYTES, MAX_MESSAGE_BYTES, MAX_PACKET_BYTES,
    MAX_UNPROVEN_PACKET_BYTES, MAX_UNSENT_PACKETS, Phase, Question, framed,
};

use crate::{
    common::SeededRng,
    pair::{World, agent, known, sent, token, told},
};

const REFUSED: [Event; 1] = [Event::Closed(End::Rejected)];

/// N and K of an agent's call.
fn call(world: &mut World, counter: u64) -> Vec<Vec<u8>> {
    sent(&mut world.dial(counter))
}

#[test]
fn what_n_claims_is_a_question_and_nothing_else() {
    let mut world = World::new();
    let mut called = world.accept();
    let claim = call(&mut world, 7).remove(0);
    called.handle_packet(world.now, &claim).unwrap();
    assert_eq!(called.phase(), Phase::Claimed);
    assert!(told(&mut called).is_empty() && sent(&mut called).is_empty() && called.unconfirmed().is_none());
}

/// An attacker who knows the responder's id can make N in anybody's name. K shows that it is not theirs.
#[test]
fn who_claims_to_be_a_and_proves_b_is_refused() {
    let mut world = World::new();
    let mut honest = world.dial_as(agent(1), 7, b"", None);
    let mut attacker = world.dial_as(agent(3), 8, b"", None);
    let (claim_of_a, request_of_b) = (sent(&mut honest).remove(0), sent(&mut attacker).remove(1));
    let mut called = world.accept();
    assert_eq!(world.ask(&mut called, &[claim_of_a, request_of_b]), Some(known(agent(1).id())));
    world.admit(&mut called, None);
    assert_eq!(told(&mut called), REFUSED);
    assert!(sent(&mut called).is_empty(), "not a byte");
}

/// As above, where the attacker makes N itself, so that N and K belong together.
#[test]
fn a_request_that_is_bound_to_a_claim_in_anothers_name_is_refused() {
    let mut world = World::new();
    let mut called = world.accept();
    let (claim, request) = forged(&mut world);
    assert_eq!(world.ask(&mut called, &[claim, request]), Some(known(agent(1).id())));
    world.admit(&mut called, None);
    assert_eq!(told(&mut called), REFUSED);
    assert!(sent(&mut called).is_empty());
}

/// N names agent 1, and the K behind it was made by agent 3 for this very N, with the second implementation.
fn forged(world: &mut World) -> (Vec<u8>, Vec<u8>) {
    use crate::oracle::mychips::{Inputs, known as exchange};
    let of = |seed: u8, e_n: u8| Inputs {
        seed_i: [seed; 32],
        seed_r: [2; 32],
        e_n: [e_n; 32],
        ..Inputs::frozen()
    };
    let (victim, attacker) = (exchange(&of(1, 40)), exchange(&of(3, 41)));
    let claim = victim.get("N").to_vec();
    let request = exchange_behind(&of(3, 41), &claim);
    let mut called = world.accept();
    // The attacker's own exchange is fine.
    let own = ["N", "K"].map(|name| attacker.get(name).to_vec());
    assert_eq!(world.ask(&mut called, &own), Some(known(agent(3).id())));
    world.admit(&mut called, None);
    assert_eq!(called.phase(), Phase::Unconfirmed);
    (claim, request)
}

fn exchange_behind(input: &crate::oracle::mychips::Inputs, claim: &[u8]) -> Vec<u8> {
    crate::oracle::mychips::request_behind(input, claim)
}

#[test]
fn a_request_opens_behind_its_own_claim_only() {
    let mut world = World::new();
    let (first, second) = (call(&mut world, 7), call(&mut world, 8));
    let mut called = world.accept();
    world.ask(&mut called, &[first[0].clone(), second[1].clone()]).unwrap();
    world.admit(&mut called, None);
    assert_eq!(told(&mut called), REFUSED);
}

#[test]
fn a_replayed_call_delivers_nothing_and_does_not_open() {
    let mut world = World::new();
    let mut caller = world.dial(7);
    let packets = sent(&mut caller);
    // As recorded, at a responder that has never heard of it: it answers, and that is all.
    let mut called = world.accept();
    world.ask(&mut called, &packets).unwrap();
    world.admit(&mut called, None);
    assert_eq!(called.phase(), Phase::Unconfirmed);
    assert!(told(&mut called).is_empty(), "what was said early stays where it is");
    // Not even the recorded T of the original connection confirms it.
    let mut original = world.accept();
    world.ask(&mut original, &packets).unwrap();
    world.admit(&mut original, None);
    caller.handle_packet(world.now, &sent(&mut original)[0]).unwrap();
    let recorded = sent(&mut caller);
    sent(&mut called);
    called.handle_packet(world.now, &recorded[0]).unwrap();
    assert_eq!(told(&mut called), REFUSED);
    original.handle_packet(world.now, &recorded[0]).unwrap();
    assert!(matches!(told(&mut original)[..], [Event::Opened { counter: 7, .. }]));

    // At the responder that it was confirmed with, now or after a restart: not even an answer.
    for last in [7, 8, u64::MAX] {
        let mut called = world.accept();
        world.ask(&mut called, &packets).unwrap();
        world.admit(&mut called, Some(last));
        assert_eq!(told(&mut called), REFUSED);
        assert!(sent(&mut called).is_empty());
    }
}

/// With the responder's key stolen one can make N and K in anybody's name. Its answer takes the caller's key to read.
#[test]
fn a_request_made_with_the_responders_key_delivers_nothing() {
    let mut world = World::new();
    let input = crate::oracle::mychips::Inputs {
        seed_i: [1; 32],
        seed_r: [2; 32],
        ..crate::oracle::mychips::Inputs::frozen()
    };
    // K depends on the caller's key by `ss` alone, which both can compute.
    let packets = ["N", "K"].map(|name| crate::oracle::mychips::known(&input).get(name).to_vec());
    let mut called = world.accept();
    world.ask(&mut called, &packets).unwrap();
    world.admit(&mut called, None);
    assert_eq!(called.phase(), Phase::Unconfirmed);
    assert!(told(&mut called).is_empty());
    for guess in [vec![b'T'; 17], [&b"T"[..], &[0; 16]].concat()] {
        called.handle_packet(world.now, &guess).unwrap();
    }
    assert_eq!(told(&mut called), REFUSED);
}

#[test]
fn random_bytes_behind_a_claim_are_not_answered() {
    let mut world = World::new();
    let claim = call(&mut world, 7).remove(0);
    let mut called = world.accept();
    assert!(world.ask(&mut called, &[claim, [&b"K"[..], &[0x5a; 80]].concat()]).is_some());
    world.admit(&mut called, None);
    assert_eq!(told(&mut called), REFUSED);
    assert!(sent(&mut called).is_empty());
}

#[test]
fn early_bytes_come_with_the_confirmation_and_before_what_it_says() {
    let mut world = World::new();
    let (mut caller, mut called, answer) = world.unconfirmed();
    assert!(told(&mut called).is_empty());
    caller.handle_packet(world.now, &answer).unwrap();
    let [Event::Opened { early, .. }] = &told(&mut caller)[..] else { panic!("not open") };
    assert_eq!(early, b"answer", "that of A comes when A opens");
    let events = world.carry(&mut caller, &mut called);
    let [Event::Opened { peer, counter: 7, early }] = &events[..] else { panic!("not open") };
    assert_eq!((peer.id(), &early[..]), (agent(1).id(), &b"early"[..]));
    assert_eq!(peer.static_key(), agent(1).static_key());
}

#[test]
fn nothing_is_sent_before_the_far_end_has_confirmed() {
    let mut world = World::new();
    let (_, mut called, _) = world.unconfirmed();
    assert_eq!(called.send(world.now, b"message"), Err(Error::NotOpen));
    let mut caller = world.dial(7);
    assert_eq!(caller.send(world.now, b"message"), Err(Error::NotOpen));
    assert_eq!(sent(&mut caller).len(), 2);
}

#[test]
fn a_refused_ticket_and_an_unknown_agent_are_met_with_silence() {
    let mut world = World::new();
    let mut known_agent = world.dial(7);
    let mut with_ticket = world.dial_as(agent(1), 7, b"", Some(&token()));
    for caller in [&mut known_agent, &mut with_ticket] {
        let mut called = world.accept();
        assert!(world.ask(&mut called, &sent(caller)).is_some());
        called.refuse().unwrap();
        assert_eq!(told(&mut called), REFUSED);
        assert!(sent(&mut called).is_empty());
    }
}

/// An answer that was made and is to be kept back after all: another connection of that key came first.
#[test]
fn an_answer_that_was_not_sent_yet_is_taken_back() {
    let mut world = World::new();
    let mut caller = world.dial(7);
    let mut called = world.accept();
    world.ask(&mut called, &sent(&mut caller)).unwrap();
    world.admit(&mut called, None);
    assert_eq!(called.unconfirmed(), Some((agent(1).static_key(), 7)));
    called.close(world.now, x3dh_handshake::mychips::Reason::Done);
    assert!(sent(&mut called).is_empty());
}

#[test]
fn a_ticket_is_presented_by_the_key_that_ik_proves() {
    let mut world = World::new();
    let mut caller = world.dial_as(agent(1), 7, b"certificate", Some(&token()));
    let packets = sent(&mut caller);
    let mut called = world.accept();
    let question = world.ask(&mut called, &packets);
    assert_eq!(question, Some(Question::Ticket { by: agent(1).id(), token: token() }));
    world.admit(&mut called, Some(6));
    caller.handle_packet(world.now, &sent(&mut called)[0]).unwrap();
    let events = world.carry(&mut caller, &mut called);
    let [Event::Opened { peer, counter: 7, early }] = &events[..] else { panic!("not open") };
    assert_eq!((peer.id(), &early[..]), (agent(1).id(), &b"certificate"[..]));

    // The id says another than the key: the same key but for the sign, and quite another.
    let mut turned = agent(1).id();
    turned.0[31] ^= 0x80;
    let input = crate::oracle::mychips::Inputs {
        seed_i: [1; 32],
        seed_r: [2; 32],
        ..crate::oracle::mychips::Inputs::frozen()
    };
    for (id, asks) in [(turned, true), (agent(3).id(), false)] {
        let introduction = crate::oracle::mychips::introduction_of(&input, &id.0);
        let mut called = world.accept();
        assert_eq!(world.ask(&mut called, &[introduction]).is_some(), asks);
    }
}

#[test]
fn a_duplicated_a_reordered_and_a_lost_packet_end_the_connection() {
    let mut world = World::new();
    for order in [&[0, 0][..], &[1], &[1, 0], &[0, 2]] {
        let (mut caller, mut called) = world.open();
        for text in [b"0", b"1", b"2"] {
            caller.send(world.now, text).unwrap();
        }
        let packets = sent(&mut caller);
        let mut events = Vec::new();
        for index in order {
            called.handle_packet(world.now, &packets[*index]).unwrap();
            events.extend(told(&mut called));
        }
        assert_eq!(called.phase(), Phase::Closed, "{order:?}");
        assert_eq!(events.last(), Some(&Event::Closed(End::Rejected)));
        assert!(events.len() <= 2, "nothing twice and nothing out of its place: {events:?}");
    }
}

#[test]
fn a_packet_of_another_connection_or_direction_does_not_open() {
    let mut world = World::new();
    let (mut caller, mut called) = world.open();
    let (_, mut other) = world.open();
    caller.send(world.now, b"message").unwrap();
    let packet = sent(&mut caller).remove(0);
    for end in [&mut caller, &mut other] {
        end.handle_packet(world.now, &packet).unwrap();
        assert_eq!(told(end), REFUSED);
    }
    called.handle_packet(world.now, &packet).unwrap();
    assert_eq!(told(&mut called), [Event::Message(b"message".to_vec())]);
}

#[test]
fn messages_have_a_limit_at_either_end() {
    let mut world = World::new();
    let (mut caller, mut called) = world.open();
    let longest = vec![7; MAX_MESSAGE_BYTES];
    caller.send(world.now, &longest).unwrap();
    let packet = sent(&mut caller).remove(0);
    assert_eq!(packet.len(), 65_536);
    called.handle_packet(world.now, &packet).unwrap();
    assert_eq!(told(&mut called), [Event::Message(longest)]);
    let limit = MAX_MESSAGE_BYTES;
    let refused = caller.send(world.now, &vec![7; limit + 1]);
    assert_eq!(refused, Err(Error::TooLong { what: "a message", limit }));
    assert_eq!(caller.phase(), Phase::Open, "nothing has changed");
}

#[test]
fn a_responder_takes_no_more_of_an_agent_than_it_says_when_it_lets_it_in() {
    let mut world = World::new();
    let mut caller = world.dial(7);
    let mut called = world.accept();
    world.ask(&mut called, &sent(&mut caller)).unwrap();
    let admission =
        Admission { max_received_bytes: Some(100), max_sent_bytes: Some(10), ..Admission::default() };
    called.admit(world.now, &admission, &mut world.rng).unwrap();
    caller.handle_packet(world.now, &sent(&mut called)[0]).unwrap();
    world.carry(&mut caller, &mut called);
    told(&mut caller);
    assert_eq!(called.send(world.now, &[0; 11]), Err(Error::TooLong { what: "a message", limit: 10 }));
    assert_eq!(called.handle_length(119_u32.to_be_bytes()), None, "118 is a message of 100 bytes");
    assert_eq!(told(&mut called), REFUSED);
}

#[test]
fn what_is_as_long_as_it_may_be_passes() {
    let longest = vec![7; MAX_EARLY_BYTES];
    for ticket in [None, Some(token())] {
        let mut world = World::new();
        let mut caller = world.dial_as(agent(1), 7, &longest, ticket.as_ref());
        let mut called = world.accept();
        world.ask(&mut called, &sent(&mut caller)).unwrap();
        let admission =
            Admission { early: longest.clone(), max_received_bytes: Some(100), ..Admission::default() };
        called.admit(world.now, &admission, &mut world.rng).unwrap();
        caller.handle_packet(world.now, &sent(&mut called)[0]).unwrap();
        for heard in [told(&mut caller), world.carry(&mut caller, &mut called)] {
            assert!(matches!(&heard[..], [Event::Opened { early, .. }] if *early == longest), "{heard:?}");
        }
        assert_eq!(called.handle_length(118_u32.to_be_bytes()), Some(118), "a message of 100 bytes");
        caller.send(world.now, &[0; 100]).unwrap();
        assert_eq!(world.carry(&mut caller, &mut called), [Event::Message(vec![0; 100])]);
    }
    assert_eq!(framed(&[7; MAX_PACKET_BYTES]).unwrap().len(), 4 + MAX_PACKET_BYTES);
    let refused = Error::TooLong { what: "a packet", limit: MAX_PACKET_BYTES };
    assert_eq!(framed(&[7; MAX_PACKET_BYTES + 1]), Err(refused));
}

/// The first T says no more than what a packet before it may be long, and no more than the agent may say.
#[test]
fn what_confirms_is_within_every_limit_or_confirms_nothing() {
    use crate::oracle::mychips::{Inputs, known as exchange, transport};
    let input = Inputs { seed_i: [1; 32], seed_r: [2; 32], ..Inputs::frozen() };
    let values = exchange(&input);
    for (bytes, opens) in [(100, true), (101, false)] {
        let mut world = World::new();
        let mut called = world.accept();
        let packets = ["N", "K"].map(|name| values.get(name).to_vec());
        world.ask(&mut called, &packets).unwrap();
        let admission = Admission { max_received_bytes: Some(100), ..Admission::default() };
        let mut rng = crate::common::FixedRng::new(&[&input.e_r]);
        called.admit(world.now, &admission, &mut rng).unwrap();
        let first = transport(&values.get("k1 | k2")[..32], 0, &vec![0; 1 + bytes]);
        called.handle_packet(world.now, &first).unwrap();
        let events = told(&mut called);
        assert_eq!(matches!(events[0], Event::Opened { .. }), opens, "{events:?}");
        assert_eq!(events == REFUSED, !opens);
    }
}

#[test]
fn a_packet_that_is_too_long_is_refused_even_if_its_length_was_not_asked_about() {
    let world = World::new();
    let mut called = world.accept();
    called.handle_packet(world.now, &vec![b'N'; MAX_UNPROVEN_PACKET_BYTES + 1]).unwrap();
    assert_eq!(told(&mut called), REFUSED);
}

#[test]
fn what_is_not_taken_is_bounded() {
    let mut world = World::new();
    let (mut caller, mut called) = world.open();
    for _ in 0..MAX_UNSENT_PACKETS {
        caller.send(world.now, b"message").unwrap();
    }
    assert_eq!(caller.send(world.now, b"message"), Err(Error::Full));
    let packets = sent(&mut caller);
    called.handle_packet(world.now, &packets[0]).unwrap();
    assert_eq!(called.handle_packet(world.now, &packets[1]), Err(Error::Full));
    assert_eq!(told(&mut called).len(), 1);
    called.handle_packet(world.now, &packets[1]).unwrap();
    assert_eq!(told(&mut called), [Event::Message(b"message".to_vec())]);
}

#[test]
fn misuse_is_told_and_changes_nothing() {
    let mut rng = SeededRng::new(1);
    let world = World::new();
    let dial = |responder, early: &[u8], rng: &mut SeededRng| {
        let call = Call { responder, token: None, counter: 1, early };
        Connection::dial(world.now, agent(1), Limits::default(), &call, rng).err()
    };
    assert_eq!(dial(agent(1).id(), b"", &mut rng), Some(Error::SelfDial));
    let mut turned = agent(1).id();
    turned.0[31] ^= 0x80;
    assert_eq!(dial(turned, b"", &mut rng), Some(Error::SelfDial), "the same key but for the sign");
    let too_long = Some(Error::TooLong { what: "early bytes", limit: 1_024 });
    assert_eq!(dial(agent(2).id(), &[0; 1_025], &mut rng), too_long);
    assert_eq!(dial(agent(2).id(), &[0; 1_024], &mut rng), None);

    let mut world = World::new();
    let mut caller = world.dial(7);
    let mut called = world.accept();
    world.ask(&mut called, &sent(&mut caller)).unwrap();
    let admission = Admission { early: vec![0; 1_025], ..Admission::default() };
    assert!(called.admit(world.now, &admission, &mut world.rng).is_err());
    assert_eq!(called.phase(), Phase::Asked);
}

/// Whoever names the responder to itself, or sends its own call back to it, is refused.
#[test]
fn an_agent_is_not_called_in_its_own_name() {
    use crate::oracle::mychips::{Inputs, first_contact, known as exchange};
    let mut world = World::new();
    let input = Inputs { seed_i: [2; 32], seed_r: [2; 32], ..Inputs::frozen() };
    let own = [exchange(&input).get("N").to_vec(), first_contact(&input).get("I").to_vec()];
    let reflected = call(&mut world, 7).remove(0);
    for (packet, responder) in own.into_iter().map(|packet| (packet, 2)).chain([(reflected, 1)]) {
        let mut called = Connection::accept(world.now, agent(responder), Limits::default());
        called.handle_packet(world.now, &packet).unwrap();
        assert_eq!(told(&mut called), REFUSED);
    }
}

/// A packet that is as short as a CLOSE is taken from everybody; what it says may still be too long.
#[test]
fn an_agent_that_may_say_nothing_says_nothing() {
    let mut world = World::new();
    let mut caller = world.dial(7);
    let mut called = world.accept();
    world.ask(&mut called, &sent(&mut caller)).unwrap();
    let admission = Admission { max_received_bytes: Some(0), ..Admission::default() };
    called.admit(world.now, &admission, &mut world.rng).unwrap();
    caller.handle_packet(world.now, &sent(&mut called)[0]).unwrap();
    caller.send(world.now, b"").unwrap();
    caller.send(world.now, b"m").unwrap();
    let events = world.carry(&mut caller, &mut called);
    let [Event::Opened { .. }, Event::Message(nothing), end] = &events[..] else { panic!("{events:?}") };
    assert!(nothing.is_empty());
    assert_eq!(*end, REFUSED[0]);
}
