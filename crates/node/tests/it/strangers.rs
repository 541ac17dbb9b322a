//! Who may not come in learns nothing: no byte, and the same end at the same time, whatever was wrong.

use std::time::Duration;

use bytes::BytesMut;
use membership::{Credential, Door, IdentityKey, StaticKey};
use node::{ConnectError, Limits, MemoryNetwork, Suite};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use x3dh_handshake::{BootId, Capabilities, Initiator, InitiatorConfig, Limits as Announced, Tag};

use crate::support::{PATIENCE, Person, host, loopback, noise};

/// What a first packet is made with.
struct Claim<'a> {
    person: &'a Person,
    credential: Credential,
    identity: IdentityKey,
    device: StaticKey,
    door: Door,
    suite: Suite,
}

impl<'a> Claim<'a> {
    fn good(person: &'a Person, responder: &Person) -> Self {
        Self {
            person,
            credential: person.record.to_credential(),
            identity: responder.identity(),
            device: responder.record.static_key(),
            door: responder.door(),
            suite: Suite::X3dhHybrid,
        }
    }

    /// The first packets, in frames.
    fn packets(&self) -> Vec<Vec<u8>> {
        let key = self.person.key();
        let config = InitiatorConfig {
            suite: self.suite,
            static_secret: key.secret(),
            credential: &self.credential,
            responder_identity: &self.identity,
            responder_static: &self.device,
            door: &self.door,
            ticket: None,
            counter: u64::MAX / 2,
            boot: BootId([1; 16]),
            capabilities: Capabilities::BOTH_AEADS,
            limits: Announced { session_window_kib: 1_000, stream_window_kib: 1_000 },
            tag: Tag(7),
        };
        let (_, flight) = Initiator::start(&config, &mut StdRng::seed_from_u64(5)).unwrap();
        flight.packets().map(frame).collect()
    }
}

fn frame(packet: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    selfsync_codec::encode(packet, &mut frame);
    frame.to_vec()
}

/// Everything that a stranger may say, by name.
fn attempts(member: &Person, stranger: &Person, responder: &Person) -> Vec<(&'static str, Vec<u8>)> {
    let good = || Claim::good(member, responder);
    let all = |claim: Claim<'_>| claim.packets().concat();
    let mut damaged = good().packets().concat();
    damaged[100] ^= 1;
    let mut late_damage = good().packets();
    late_damage[1][600] ^= 1;
    let other = Person::new(99);
    vec![
        ("nothing", Vec::new()),
        ("one byte", vec![0xfe]),
        ("not a frame", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("much that is not a frame", noise(100_000, 1).to_vec()),
        ("an empty frame", frame(&[])),
        ("a frame of noise", frame(&noise(424, 2))),
        ("a frame that does not end", frame(&noise(60_000, 3))[..20_000].to_vec()),
        ("a stranger", all(Claim::good(stranger, responder))),
        ("a wrong door", all(Claim { door: Door::from_bytes([9; 32]), ..good() })),
        ("a wrong key", all(Claim { device: other.record.static_key(), ..good() })),
        ("a wrong identity", all(Claim { identity: other.identity(), ..good() })),
        (
            "somebody else's record",
            all(Claim { credential: member.record.to_credential(), ..Claim::good(stranger, responder) }),
        ),
        ("a suite not offered", all(Claim { suite: Suite::X3dh, ..good() })),
        ("a damaged first packet", damaged),
        ("a damaged key share", late_damage.concat()),
        ("the second packet first", good().packets()[1].clone()),
        ("the first packet alone", good().packets()[0].clone()),
        ("the first packet twice", [good().packets()[0].clone(), good().packets()[0].clone()].concat()),
    ]
}

/// What a stranger sees: what came back, how it ended, and when.
async fn experience(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    says: &[u8],
) -> (usize, std::io::ErrorKind, Duration) {
    let start = Instant::now();
    stream.write_all(says).await.ok();
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received).await;
    let kind = end.err().map_or(std::io::ErrorKind::UnexpectedEof, |error| error.kind());
    (received.len(), kind, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn every_stranger_sees_the_same_in_memory() {
    let network = MemoryNetwork::new();
    let (bob, member, stranger) = (Person::new(2), Person::new(3), Person::new(4));
    let node = bob.start(&network, host(2), Limits::default(), &[(&member, 3)]).await;
    let mut events = node.events();
    for (number, (what, says)) in attempts(&member, &stranger, &bob).into_iter().enumerate() {
        let stream = network.connect(host(100 + number as u8), host(2)).await.unwrap();
        let seen = experience(stream, &says).await;
        assert_eq!(seen, (0, std::io::ErrorKind::ConnectionReset, Duration::from_secs(10)), "{what}");
    }
    assert!(node.sessions().is_empty());
    assert!(!node.stranger_causes().is_empty());
    assert!(tokio::time::timeout(Duration::ZERO, events.next()).await.is_err(), "nobody was up");

    // The same packets, undamaged and from a member, are answered: the test would notice if all were refused.
    let stream = network.connect(host(90), host(2)).await.unwrap();
    let (answered, _, _) = experience(stream, &Claim::good(&member, &bob).packets().concat()).await;
    assert!(answered > 1_000);
    assert!(node.sessions().is_empty(), "an unconfirmed session is none");
}

#[tokio::test]
async fn every_stranger_sees_the_same_on_a_socket() {
    let (bob, member, stranger) = (Person::new(2), Person::new(3), Person::new(4));
    let mut limits = Limits::default();
    limits.handshake_timeout = Duration::from_secs(2);
    let node = bob.builder().limits(limits).listen(loopback()).spawn().await.unwrap();
    node.add_member(&member.card(loopback())).unwrap();
    let address = node.local_addresses()[0];
    let mut tasks = Vec::new();
    for (what, says) in attempts(&member, &stranger, &bob) {
        tasks.push(tokio::spawn(async move {
            // The node's own clock may have begun before this task runs again.
            let start = Instant::now();
            let stream = TcpStream::connect(address).await.unwrap();
            let (received, end, _) = experience(stream, &says).await;
            (what, (received, end, start.elapsed()))
        }));
    }
    for task in tasks {
        let (what, (received, end, after)) = task.await.unwrap();
        assert_eq!((received, end), (0, std::io::ErrorKind::ConnectionReset), "{what}");
        // How exactly, the same in memory says, where no other program takes the time.
        assert!(after > Duration::from_millis(1_900) && after < PATIENCE, "{what}: {after:?}");
    }
    assert!(node.sessions().is_empty());
}

/// Frames of puzzles and of nothing else.
async fn first_word(mut stream: TcpStream, says: &[u8]) -> Option<BytesMut> {
    stream.write_all(says).await.unwrap();
    let mut decoder = selfsync_codec::Decoder::new(selfsync_codec::Config::reliable(4_096));
    let mut input = BytesMut::new();
    loop {
        match stream.read_buf(&mut input).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
        if let Some(packet) = decoder.next_frame(&mut input).unwrap() {
            return Some(packet);
        }
    }
}

#[tokio::test]
async fn under_load_members_work_to_get_in_and_whoever_lacks_the_door_hears_nothing() {
    let (alice, bob, stranger) = (Person::new(1), Person::new(2), Person::new(4));
    let mut limits = Limits::default();
    limits.handshake_timeout = Duration::from_secs(6);
    limits.handshake_budget_percent = 1;
    (limits.max_strangers, limits.max_strangers_per_source) = (4_096, 4_096);
    (limits.host_rate, limits.network_rate) =
        (node::Rate::per_second(100_000, 100_000), node::Rate::per_second(100_000, 100_000));
    let b = bob.builder().limits(limits).listen(loopback()).spawn().await.unwrap();
    let address = b.local_addresses()[0];
    let a = alice.builder().listen(loopback()).spawn().await.unwrap();
    b.add_member(&alice.card(a.local_addresses()[0])).unwrap();
    a.add_member(&bob.card(address)).unwrap();

    // Somebody who knows the door and is no member has the node do work.
    let knock = Claim::good(&stranger, &bob).packets()[0].clone();
    let mut held = Vec::new();
    while !matches!(b.admission().level, node::Level::Puzzles { .. }) {
        assert!(held.len() < 4_000 && b.admission().level < node::Level::MembersOnly, "{:?}", b.admission());
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&knock).await.unwrap();
        held.push(stream);
        // No faster than the level can follow: what is put off now the member waits for as well.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let before = b.admission();
    // In the clear, behind the door: a challenge and nothing else.
    let challenge = first_word(TcpStream::connect(address).await.unwrap(), &knock).await.unwrap();
    assert_eq!((challenge[0], challenge.len()), (0x04, 57));
    assert!(challenge.len() < knock.len());
    // Without the door nothing, at the same time as ever.
    let wrong = Claim { door: Door::from_bytes([9; 32]), ..Claim::good(&alice, &bob) }.packets().concat();
    let start = Instant::now();
    let stream = TcpStream::connect(address).await.unwrap();
    let silent = tokio::spawn(async move {
        let (received, end, _) = experience(stream, &wrong).await;
        (received, end, start.elapsed())
    });

    // A member works, and is in. What is little time for that on a busy machine is not what this is about.
    let member = loop {
        match a.connect(bob.identity()).await {
            Ok(member) => break member,
            Err(error) => assert!(error.is_retryable() && start.elapsed() < PATIENCE, "{error}"),
        }
    };
    assert_eq!(member.peer.identity, bob.identity());
    a.ping(bob.identity()).await.unwrap();
    let after = b.admission();
    assert!(after.challenges >= before.challenges + 2, "{before:?} {after:?}");
    let (received, end, elapsed) = silent.await.unwrap();
    assert_eq!((received, end), (0, std::io::ErrorKind::ConnectionReset));
    assert!(elapsed > Duration::from_millis(5_900), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn the_one_who_dials_gets_a_typed_error_with_its_possible_causes() {
    let network = MemoryNetwork::new();
    let (alice, bob) = (Person::new(1), Person::new(2));
    let b = bob.start(&network, host(2), Limits::default(), &[]).await;
    let a = alice.start(&network, host(1), Limits::default(), &[]).await;

    // Not a member there.
    a.add_member(&bob.card(host(2))).unwrap();
    let error = a.connect(bob.identity()).await.unwrap_err();
    assert_eq!(error, ConnectError::NoAnswer);
    assert!(error.is_retryable() && error.possible_causes().len() > 3);

    // A member with a wrong door.
    b.add_member(&alice.card(host(1))).unwrap();
    a.add_member(&bob.card_with_door(host(2), Door::from_bytes([1; 32]))).unwrap();
    assert_eq!(a.connect(bob.identity()).await.unwrap_err(), ConnectError::NoAnswer);

    // A member with the right one.
    a.add_member(&bob.card(host(2))).unwrap();
    a.connect(bob.identity()).await.unwrap();
    let causes = a.why(&bob.identity());
    assert!(causes.len() >= 2, "{causes:?}");
}
