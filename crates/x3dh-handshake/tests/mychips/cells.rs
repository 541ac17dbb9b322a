//! Both tables of PROTOCOL §14.6, cell by cell.

use std::{fs, path::Path};

use x3dh_handshake::Role;
use x3dh_handshake::mychips::{Connection, End, Event, MAX_UNPROVEN_PACKET_BYTES, Phase, Reason};

use crate::{
    oracle::mychips::{Inputs, known, transport},
    pair::{World, agent, sent, token, told},
};

const EVENTS: [&str; 14] = [
    "I", "N", "K", "A", "T", "T CLOSE", "T bad", "garbage", "admit", "refuse", "timeout", "close", "send",
    "end",
];

/// One end in a phase, and what its far end can make for it.
struct Scene {
    world: World,
    end: Connection,
    far: Connection,
}

fn scene(role: Role, phase: &str) -> Scene {
    let mut world = World::new();
    let (mut caller, mut called) = (world.dial(7), world.accept());
    match (role, phase) {
        (Role::Responder, "accepted") => {}
        (Role::Responder, "claimed") => {
            let claim = caller.poll_transmit().unwrap();
            called.handle_packet(world.now, &claim).unwrap();
        }
        (Role::Responder, "asked") => {
            world.ask(&mut called, &sent(&mut caller)).unwrap();
        }
        (Role::Responder, "ticket") => {
            caller = world.dial_as(agent(1), 7, b"", Some(&token()));
            world.ask(&mut called, &sent(&mut caller)).unwrap();
        }
        (Role::Responder, "unconfirmed") => {
            let answer;
            (caller, called, answer) = world.unconfirmed();
            caller.handle_packet(world.now, &answer).unwrap();
            told(&mut caller);
        }
        (Role::Initiator, "pending") => {
            world.ask(&mut called, &sent(&mut caller)).unwrap();
            world.admit(&mut called, None);
        }
        (_, "open") => (caller, called) = world.open(),
        (role, "closing" | "closed") => {
            (caller, called) = world.open();
            let end = if role == Role::Initiator { &mut caller } else { &mut called };
            end.close(world.now, Reason::Done);
            sent(end);
            if phase == "closed" {
                end.handle_end();
                told(end);
            }
        }
        _ => panic!("no such phase: {phase}"),
    }
    let (end, far) = if role == Role::Initiator { (caller, called) } else { (called, caller) };
    assert_eq!(end.role(), role);
    Scene { world, end, far }
}

/// A T of the far end that opens, if there are keys.
fn good(scene: &mut Scene) -> Vec<u8> {
    if scene.far.phase() == Phase::Open && scene.end.phase() != Phase::Unconfirmed {
        scene.far.send(scene.world.now, b"message").unwrap();
    }
    let waiting = sent(&mut scene.far).into_iter().find(|packet| packet[0] == b'T');
    waiting.unwrap_or_else(|| [b"T", &[0; 24][..]].concat())
}

/// A T with CLOSE of the far end that opens, if there are keys.
fn close(scene: &mut Scene) -> Vec<u8> {
    if scene.end.phase() == Phase::Unconfirmed {
        // The crate confirms with nothing, so this is made by the second implementation: the scene is its exchange.
        let input = Inputs::frozen();
        let values = known(&input);
        let keys = values.get("k1 | k2");
        scene.end = unconfirmed_of(&input, &mut scene.world);
        return transport(&keys[..32], 0, &[1, 1]);
    }
    if scene.far.phase() == Phase::Open {
        scene.far.close(scene.world.now, Reason::Done);
    }
    let last = sent(&mut scene.far).pop().filter(|packet| packet[0] == b'T');
    last.unwrap_or_else(|| [b"T", &[0; 18][..]].concat())
}

fn unconfirmed_of(input: &Inputs, world: &mut World) -> Connection {
    use crate::common::FixedRng;
    use x3dh_handshake::mychips::{Admission, AgentSecret, Limits};
    let values = known(input);
    let secret = AgentSecret::from_seed(&input.seed_r).unwrap();
    let mut called = Connection::accept(world.now, secret, Limits::default());
    let packets = ["N", "K"].map(|name| values.get(name).to_vec());
    world.ask(&mut called, &packets).unwrap();
    let admission = Admission { early: input.early_r.clone(), ..Admission::default() };
    called.admit(world.now, &admission, &mut FixedRng::new(&[&input.e_r])).unwrap();
    sent(&mut called);
    called
}

/// Every way in which the event can come: what follows from each must be in the cell.
fn variants(event: &str) -> usize {
    match event {
        "I" | "N" | "A" | "T bad" | "admit" => 2,
        "garbage" => 5,
        _ => 1,
    }
}

/// Lets an event happen; gives whether the local caller was told that it cannot.
fn happen(scene: &mut Scene, event: &str, variant: usize) -> bool {
    let now = scene.world.now;
    let spoilt = |mut packet: Vec<u8>| {
        if variant == 1 {
            *packet.last_mut().unwrap() ^= 1;
        }
        packet
    };
    let packet = match event {
        "I" => {
            let mut caller = scene.world.dial_as(agent(1), 8, b"", Some(&token()));
            spoilt(sent(&mut caller).remove(0))
        }
        "N" => spoilt(sent(&mut scene.world.dial(8)).remove(0)),
        // In its place it is the one behind the N that was taken.
        "K" => sent(&mut scene.far).pop().filter(|packet| packet[0] == b'K').unwrap_or_else(|| {
            let mut other = scene.world.dial(8);
            sent(&mut other).remove(1)
        }),
        "A" => {
            let waiting = sent(&mut scene.far).into_iter().find(|packet| packet[0] == b'A');
            spoilt(waiting.unwrap_or_else(|| scene.world.unconfirmed().2))
        }
        "T" => good(scene),
        "T CLOSE" => close(scene),
        "T bad" => match variant {
            0 => {
                let mut packet = good(scene);
                packet[5] ^= 1;
                packet
            }
            _ => vec![b'T'; 1 + 16],
        },
        "garbage" => match variant {
            0 => vec![b'X', 0, 0],
            1 => vec![],
            2 => vec![b'T'],
            3 => {
                assert_eq!(scene.end.handle_length([0; 4]), None);
                return false;
            }
            _ => {
                assert_eq!(scene.end.handle_length([0xff; 4]), None);
                return false;
            }
        },
        "admit" => {
            let last_counter = (variant == 1).then_some(7);
            let admission = x3dh_handshake::mychips::Admission { last_counter, ..Default::default() };
            return scene.end.admit(now, &admission, &mut scene.world.rng).is_err();
        }
        "refuse" => return scene.end.refuse().is_err(),
        "timeout" => {
            let deadline = scene.end.poll_timeout().unwrap_or(now + std::time::Duration::from_secs(1_000));
            scene.end.handle_timeout(deadline - std::time::Duration::from_nanos(1));
            assert!(scene.end.poll_transmit().is_none(), "not before its time");
            scene.end.handle_timeout(deadline);
            return false;
        }
        "close" => {
            scene.end.close(now, Reason::Done);
            return false;
        }
        "send" => return scene.end.send(now, b"message").is_err(),
        "end" => {
            scene.end.handle_end();
            return false;
        }
        _ => panic!("no such event: {event}"),
    };
    scene.end.handle_packet(now, &packet).unwrap();
    false
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Accepted => "accepted",
        Phase::Claimed => "claimed",
        Phase::Asked => "asked",
        Phase::AskedForTicket => "ticket",
        Phase::Unconfirmed => "unconfirmed",
        Phase::Pending => "pending",
        Phase::Open => "open",
        Phase::Closing => "closing",
        Phase::Closed => "closed",
        _ => panic!("a phase that is not in the table"),
    }
}

/// What happened, as the table puts it.
fn outcome(role: Role, phase: &str, event: &str, variant: usize) -> String {
    let mut scene = scene(role, phase);
    let before = scene.end.phase();
    assert_eq!(phase_name(before), phase);
    let misuse = happen(&mut scene, event, variant);
    let after = scene.end.phase();
    let packets = sent(&mut scene.end);
    let events = told(&mut scene.end);
    if misuse {
        assert!(packets.is_empty() && events.is_empty() && after == before);
        return "!".into();
    }
    if after == Phase::Closed && before != Phase::Closed {
        assert!(matches!(events.last(), Some(Event::Closed(_))), "an end is told: {events:?}");
        assert!(scene.end.poll_timeout().is_none());
    } else {
        assert!(!events.iter().any(|event| matches!(event, Event::Closed(_))));
    }
    let ended_well = matches!(events.last(), Some(Event::Closed(End::ByPeer(_) | End::ByUs(_))));
    let said = match &packets[..] {
        [] => None,
        [packet] if packet[0] == b'A' => Some("A"),
        // A CLOSE is told by its size, and by what the far end makes of it.
        [packet] if packet.len() == 1 + 2 + 16 => Some("CLOSE"),
        [packet] if packet[0] == b'T' => Some("T"),
        _ => panic!("too much was said: {packets:?}"),
    };
    match (after, said) {
        (Phase::Closed, None) if before == Phase::Closed => "·".into(),
        (Phase::Closed, None) if before == Phase::Closing && ended_well => "closed".into(),
        (Phase::Closed, None) => "x".into(),
        (_, None) if after == before && event == "close" => "·".into(),
        (after, None) => phase_name(after).into(),
        (after, Some(said)) => format!("{}: {said}", phase_name(after)),
    }
}

/// The rows of the table whose first heading is `role`: state, and its cells.
fn table(role: &str) -> Vec<(String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PROTOCOL.md");
    let text = fs::read_to_string(path).unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let start = format!("| {role} | I | N |");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&start));
    assert_eq!(cells(lines.next().unwrap())[1..], EVENTS);
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(cells).map(|mut row| (row.remove(0), row)).collect()
}

fn every_cell(role: Role, name: &str, states: usize) {
    let rows = table(name);
    assert_eq!(rows.len(), states);
    for (phase, cells) in rows {
        assert_eq!(cells.len(), EVENTS.len());
        for (event, cell) in EVENTS.iter().zip(cells) {
            let mut found: Vec<_> =
                (0..variants(event)).map(|variant| outcome(role, &phase, event, variant)).collect();
            found.dedup();
            assert_eq!(found.join(", or "), cell, "{name}: {phase}, {event}");
        }
    }
}

#[test]
fn every_cell_of_the_responder() {
    every_cell(Role::Responder, "responder", 8);
}

#[test]
fn every_cell_of_the_initiator() {
    every_cell(Role::Initiator, "initiator", 4);
}

/// The table's limit for lengths, before and after.
#[test]
fn a_length_is_refused_before_anything_is_kept_for_it() {
    let at = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    for phase in ["accepted", "claimed", "asked", "ticket", "unconfirmed"] {
        let mut scene = scene(Role::Responder, phase);
        assert_eq!(scene.end.handle_length(at(MAX_UNPROVEN_PACKET_BYTES)), Some(MAX_UNPROVEN_PACKET_BYTES));
        assert_eq!(scene.end.handle_length(at(MAX_UNPROVEN_PACKET_BYTES + 1)), None);
        assert_eq!(scene.end.phase(), Phase::Closed);
    }
    let mut open = scene(Role::Responder, "open").end;
    assert_eq!(open.handle_length(at(65_536)), Some(65_536));
    assert_eq!(open.handle_length(at(65_537)), None);
}
