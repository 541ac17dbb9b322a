//! The MyCHIPs profile between nodes, and between a node and whoever sends it what they like.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use membership::{Grant, Relation, Scope, Services, UnixSeconds};
use node::mychips::{
    AgentSecret, Call, CallError, Config, Connection, End, Ended, Listener, Reason, SendError, Token,
};
use node::store::Store;
use node::{
    Builder, Device, DirectoryConfig, IdentityKey, Invitation, MemoryNetwork, MemoryStream, Node, Standing,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use x3dh_handshake::mychips::{self, Event, Limits, framed};

use crate::join::Persona;
use crate::support::host;

fn secret(number: u8) -> AgentSecret {
    AgentSecret::from_seed(&[number; 32]).unwrap()
}

fn id(number: u8) -> IdentityKey {
    secret(number).id()
}

/// Where the agent of a host listens.
fn port(number: u8) -> SocketAddr {
    SocketAddr::new(host(number).ip(), 65_430)
}

/// A node whose agent has this number.
async fn start(network: &MemoryNetwork, number: u8) -> Node {
    start_with(network, number, |builder| builder).await
}

async fn start_with(network: &MemoryNetwork, number: u8, change: impl FnOnce(Builder) -> Builder) -> Node {
    let Persona { identity, key, record, door } = Persona::new(number.into());
    let builder = Node::builder().device(Device::new(key, record).unwrap()).door(door);
    let builder = builder.directory(DirectoryConfig::new(identity)).memory(network).listen(host(number));
    let builder = builder.mychips(Some(port(number)), Config::new(secret(number)));
    change(builder).spawn().await.unwrap()
}

fn grant() -> Grant {
    Grant { scope: Scope::default(), depth: 1, expires: UnixSeconds::MAX }
}

/// Two nodes whose agents are members of each other.
async fn acquainted(network: &MemoryNetwork) -> (Node, Node) {
    let (ann, bob) = (start(network, 1).await, start(network, 2).await);
    ann.vouch(id(2), grant()).await.unwrap();
    bob.vouch(id(1), grant()).await.unwrap();
    (ann, bob)
}

async fn connected(ann: &Node, listener: &mut Listener) -> (Connection, Connection) {
    let (there, here) = tokio::join!(ann.mychips_call(Call::new(port(2), id(2))), listener.accept());
    (there.unwrap(), here.unwrap())
}

/// Somebody who sends what they like, as the agent of a number.
struct Wire {
    stream: MemoryStream,
    line: mychips::Connection,
    /// All that was sent.
    sent: Vec<u8>,
}

impl Wire {
    async fn open(network: &MemoryNetwork, number: u8, counter: u64, early: &[u8]) -> Self {
        let call = mychips::Call { responder: id(2), token: None, counter, early };
        let mut rng = StdRng::seed_from_u64(counter);
        let dialed =
            mychips::Connection::dial(Instant::now(), secret(number), Limits::default(), &call, &mut rng);
        let stream = network.connect(host(9), port(2)).await.unwrap();
        Self { stream, line: dialed.unwrap(), sent: Vec::new() }
    }

    /// Sends what the line has to say.
    async fn flush(&mut self) {
        while let Some(packet) = self.line.poll_transmit() {
            let bytes = framed(&packet).unwrap();
            self.stream.write_all(&bytes).await.unwrap();
            self.sent.extend(bytes);
        }
    }

    async fn hear(&mut self) -> Vec<Event> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).await.unwrap();
        let mut packet = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut packet).await.unwrap();
        self.line.handle_packet(Instant::now(), &packet).unwrap();
        std::iter::from_fn(|| self.line.poll_event()).collect()
    }

    async fn shake_hands(&mut self) {
        self.flush().await;
        assert!(matches!(self.hear().await[..], [Event::Opened { .. }]));
        self.flush().await;
    }
}

/// Sends bytes on a connection of its own; not a byte comes back, and it is reset at its deadline.
async fn assert_silence(network: &MemoryNetwork, what: &str, bytes: &[u8]) {
    let began = tokio::time::Instant::now();
    let mut stream = network.connect(host(9), port(2)).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut heard = Vec::new();
    let end = stream.read_to_end(&mut heard).await;
    assert!(heard.is_empty() && end.is_err(), "{what}: {heard:?} {end:?}");
    assert_eq!(began.elapsed().as_secs(), 10, "{what}");
}

async fn nobody_came(listener: &mut Listener) {
    let waiting = tokio::time::timeout(Duration::from_secs(1), listener.accept());
    assert!(waiting.await.is_err(), "nobody has confirmed");
}

#[tokio::test(start_paused = true)]
async fn messages_go_both_ways_and_both_ends_learn_how_it_ended() {
    let network = MemoryNetwork::new();
    let (ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    assert!(bob.mychips_listener().is_none(), "one listener");
    let (mut there, mut here) = connected(&ann, &mut listener).await;
    assert_eq!((there.peer(), here.peer()), (id(2), id(1)));
    assert_eq!(here.member(), membership::MemberId::of(&id(1)));
    for size in [0, 1, 60_000] {
        there.send(vec![7; size]).await.unwrap();
        assert_eq!(here.recv().await.unwrap(), vec![7; size]);
        here.send(vec![8; size]).await.unwrap();
        assert_eq!(there.recv().await.unwrap(), vec![8; size]);
    }
    there.send("last").await.unwrap();
    there.close().await;
    assert_eq!(here.recv().await.unwrap(), b"last");
    assert_eq!(here.recv().await, Err(Ended(End::ByPeer(Reason::Done))));
    assert_eq!(there.recv().await, Err(Ended(End::ByUs(Reason::Done))));
    assert_eq!(there.send("too late").await, Err(SendError::Ended));
}

#[tokio::test(start_paused = true)]
async fn a_handler_gets_whole_messages_with_the_proven_member_and_answers() {
    let network = MemoryNetwork::new();
    let (ann, bob) = acquainted(&network).await;
    let serving = bob.mychips_listener().unwrap().serve(|received| async move {
        Some([received.from.to_string().as_bytes(), b" ", &received.body].concat())
    });
    let serving = tokio::spawn(serving);
    let mut call = Call::new(port(2), id(2));
    call.early = b"early".to_vec();
    let mut there = ann.mychips_call(call).await.unwrap();
    let me = membership::MemberId::of(&id(1));
    assert_eq!(there.recv().await.unwrap(), format!("{me} early").as_bytes());
    there.send("hello").await.unwrap();
    assert_eq!(there.recv().await.unwrap(), format!("{me} hello").as_bytes());
    bob.shutdown().await;
    assert_eq!(there.recv().await, Err(Ended(End::ByPeer(Reason::Done))));
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_agent_gets_silence() {
    let network = MemoryNetwork::new();
    let (ann, bob) = (start(&network, 1).await, start(&network, 2).await);
    ann.vouch(id(2), grant()).await.unwrap();
    let mut listener = bob.mychips_listener().unwrap();
    let refused = ann.mychips_call(Call::new(port(2), id(2))).await.unwrap_err();
    assert!(matches!(refused, CallError::NoAnswer), "{refused}");
    nobody_came(&mut listener).await;
    let refused = bob.mychips_call(Call::new(port(1), id(1))).await.unwrap_err();
    assert!(matches!(refused, CallError::NotAMember(_)), "one's own members only: {refused}");
}

#[tokio::test(start_paused = true)]
async fn whoever_claims_to_be_a_member_and_proves_another_gets_silence() {
    let network = MemoryNetwork::new();
    let (_ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    let mut member = Wire::open(&network, 1, 7, b"").await;
    let mut stranger = Wire::open(&network, 3, 8, b"early").await;
    let claim = framed(&member.line.poll_transmit().unwrap()).unwrap();
    stranger.line.poll_transmit().unwrap();
    let request = framed(&stranger.line.poll_transmit().unwrap()).unwrap();
    assert_silence(&network, "another's claim", &[claim, request].concat()).await;
    nobody_came(&mut listener).await;
    // The victim is as welcome as before.
    member = Wire::open(&network, 1, 7, b"").await;
    member.shake_hands().await;
    assert!(listener.accept().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_recorded_connection_is_met_with_silence_whatever_of_it_is_repeated() {
    let network = MemoryNetwork::new();
    let (_ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    let mut wire = Wire::open(&network, 1, 7, b"early").await;
    wire.shake_hands().await;
    wire.line.send(Instant::now(), b"message").unwrap();
    wire.flush().await;
    let mut here = listener.accept().await.unwrap();
    assert_eq!(here.early(), b"early");
    assert_eq!(here.recv().await.unwrap(), b"message");
    for length in [85, 85 + 4 + 57 + 5, wire.sent.len()] {
        assert_silence(&network, "a recording", &wire.sent[..length]).await;
    }
    nobody_came(&mut listener).await;
    let older = Wire::open(&network, 1, 6, b"").await;
    let refused = replay_of(older);
    assert_silence(&network, "an older counter", &refused).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), here.recv()).await.is_err(), "nothing came of it");
}

fn replay_of(mut wire: Wire) -> Vec<u8> {
    let packets = std::iter::from_fn(|| wire.line.poll_transmit());
    packets.flat_map(|packet| framed(&packet).unwrap()).collect()
}

/// The recording comes to a node that has never confirmed it. It answers; nobody can make anything of the answer, and
/// whoever was recorded comes in besides, with a higher counter.
#[tokio::test(start_paused = true)]
async fn a_recording_at_another_time_opens_nothing_and_keeps_nobody_out() {
    let network = MemoryNetwork::new();
    let (_ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    let mut recorded = Wire::open(&network, 1, 7, b"early").await;
    recorded.flush().await;
    let mut answer = [0; 4 + 49];
    recorded.stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[..5], [0, 0, 0, 49, b'A']);
    nobody_came(&mut listener).await;
    let mut honest = Wire::open(&network, 1, 8, b"").await;
    honest.shake_hands().await;
    assert_eq!(listener.accept().await.unwrap().early(), b"");
    let rest = recorded.stream.read_to_end(&mut Vec::new()).await;
    assert!(rest.is_err(), "it makes room for who shows a higher counter");
}

#[tokio::test(start_paused = true)]
async fn whatever_is_wrong_is_met_with_the_same_silence() {
    let network = MemoryNetwork::new();
    let (_ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    let call = async |counter| replay_of(Wire::open(&network, 1, counter, b"").await);
    let (good, other) = (call(7).await, call(8).await);
    let (claim, request) = good.split_at(85);
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (what, bytes) in [
        ("nothing", &[][..]),
        ("half a length", &[0, 0]),
        ("a length of nothing", &[0; 4]),
        ("a length of 4 GiB", &[0xff; 4]),
        ("a claim only", claim),
        ("a claim twice", &[claim, claim].concat()),
        ("no claim", request),
        ("another claim's request", &[claim, &other[85..]].concat()),
        ("a changed request", &changed),
        ("a cut request", &good[..good.len() - 1]),
        ("T before anything", &[0, 0, 0, 17, b'T', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("random behind a claim", &[claim, &[0, 0, 0, 81, b'K'], &[0x5a; 80]].concat()),
    ] {
        assert_silence(&network, what, bytes).await;
    }
    nobody_came(&mut listener).await;
}

#[tokio::test(start_paused = true)]
async fn a_repeated_packet_ends_the_connection_and_is_not_delivered_twice() {
    let network = MemoryNetwork::new();
    let (_ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    let mut wire = Wire::open(&network, 1, 7, b"").await;
    wire.shake_hands().await;
    let mut here = listener.accept().await.unwrap();
    wire.line.send(Instant::now(), b"message").unwrap();
    let packet = framed(&wire.line.poll_transmit().unwrap()).unwrap();
    wire.stream.write_all(&[&packet[..], &packet].concat()).await.unwrap();
    assert_eq!(here.recv().await.unwrap(), b"message");
    assert_eq!(here.recv().await, Err(Ended(End::Rejected)));
}

#[tokio::test(start_paused = true)]
async fn the_responder_closes_an_idle_connection() {
    let network = MemoryNetwork::new();
    let (ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    let (mut there, mut here) = connected(&ann, &mut listener).await;
    let began = tokio::time::Instant::now();
    assert_eq!(there.recv().await, Err(Ended(End::ByPeer(Reason::Idle))));
    assert_eq!(began.elapsed().as_secs(), 60);
    assert_eq!(here.recv().await, Err(Ended(End::ByUs(Reason::Idle))));
}

#[tokio::test(start_paused = true)]
async fn a_removed_agent_is_told_and_out() {
    let network = MemoryNetwork::new();
    let (ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    let (mut there, mut here) = connected(&ann, &mut listener).await;
    bob.revoke(id(1)).await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(there.recv().await, Err(Ended(End::ByPeer(Reason::Removed))));
    assert!(began.elapsed() <= Duration::from_secs(2));
    assert_eq!(here.recv().await, Err(Ended(End::ByUs(Reason::Removed))));
    assert!(ann.mychips_call(Call::new(port(2), id(2))).await.is_err());
}

/// A message that is on its way as the agent is removed is not delivered: standing is asked for each.
#[tokio::test(start_paused = true)]
async fn standing_is_asked_for_every_message() {
    let network = MemoryNetwork::new();
    let (_ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    let mut wire = Wire::open(&network, 1, 7, b"").await;
    wire.shake_hands().await;
    let mut here = listener.accept().await.unwrap();
    bob.revoke(id(1)).await.unwrap();
    wire.line.send(Instant::now(), b"message").unwrap();
    wire.flush().await;
    wire.stream.shutdown().await.unwrap();
    // Its end may come before the far end's own CLOSE.
    assert!(here.recv().await.is_err(), "not delivered");
}

#[tokio::test(start_paused = true)]
async fn an_agent_without_the_service_is_nobody_here() {
    let network = MemoryNetwork::new();
    let (ann, bob) = (start(&network, 1).await, start(&network, 2).await);
    ann.vouch(id(2), grant()).await.unwrap();
    let services = Services::Only(["echo".parse().unwrap()].into());
    let scope = Scope { relation: Relation::Peer, services };
    bob.vouch(id(1), Grant { scope, ..grant() }).await.unwrap();
    assert!(ann.mychips_call(Call::new(port(2), id(2))).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_says_no_more_than_its_size_class() {
    let network = MemoryNetwork::new();
    let (ann, bob) = (start(&network, 1).await, start(&network, 2).await);
    ann.vouch(id(2), grant()).await.unwrap();
    let scope = Scope { relation: Relation::Client, services: Services::All };
    bob.vouch(id(1), Grant { scope, ..grant() }).await.unwrap();
    let mut listener = bob.mychips_listener().unwrap();
    let (there, mut here) = connected(&ann, &mut listener).await;
    there.send(vec![1; 20_000]).await.unwrap();
    assert_eq!(here.recv().await.unwrap().len(), 20_000);
    assert_eq!(there.send(vec![1; 65_519]).await, Err(SendError::TooLong { limit: 65_518 }));
    there.send(vec![1; 20_001]).await.ok();
    assert_eq!(here.recv().await, Err(Ended(End::Rejected)));
}

#[tokio::test(start_paused = true)]
async fn an_agent_comes_by_a_ticket_once() {
    let network = MemoryNetwork::new();
    let (ann, bob) = (start(&network, 1).await, start(&network, 2).await);
    let eve = start(&network, 3).await;
    let mut listener = bob.mychips_listener().unwrap();
    let ticket = bob.invite(Invitation::default()).await.unwrap();
    let token = |secret: &[u8]| Token::new(&[&ticket.id.0[..], secret].concat()).unwrap();
    let right = token(ticket.secret.dangerous_bytes());
    let call = |token| Call { token: Some(token), ..Call::new(port(2), id(2)) };

    let refused = eve.mychips_call(call(token(&[7; 32]))).await.unwrap_err();
    assert!(matches!(refused, CallError::NoAnswer), "{refused}");
    let there = ann.mychips_call(call(right.clone())).await.unwrap();
    let mut here = listener.accept().await.unwrap();
    assert!(matches!(bob.standing(&id(1)).unwrap(), Standing::Member { .. }));
    there.send("hello").await.unwrap();
    assert_eq!((here.peer(), here.recv().await.unwrap()), (id(1), b"hello".to_vec()));

    assert!(eve.mychips_call(call(right)).await.is_err(), "a ticket for one");
    assert_eq!(bob.standing(&id(3)).unwrap(), Standing::Unknown);
    ann.vouch(id(2), grant()).await.unwrap();
    ann.mychips_call(Call::new(port(2), id(2))).await.unwrap();
}

/// I that was answered and never confirmed leaves the ticket as it was.
#[tokio::test(start_paused = true)]
async fn a_ticket_that_was_presented_and_not_confirmed_is_free_again() {
    let network = MemoryNetwork::new();
    let (ann, bob) = (start(&network, 1).await, start(&network, 2).await);
    let mut listener = bob.mychips_listener().unwrap();
    let ticket = bob.invite(Invitation::default()).await.unwrap();
    let token = Token::new(&[&ticket.id.0[..], ticket.secret.dangerous_bytes()].concat()).unwrap();
    let call = mychips::Call { responder: id(2), token: Some(&token), counter: 5, early: b"" };
    let mut rng = StdRng::seed_from_u64(1);
    let dialed = mychips::Connection::dial(Instant::now(), secret(3), Limits::default(), &call, &mut rng);
    let mut stream = network.connect(host(9), port(2)).await.unwrap();
    stream.write_all(&framed(&dialed.unwrap().poll_transmit().unwrap()).unwrap()).await.unwrap();
    let mut first = [0; 5];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(first[4], b'A');
    let call = Call { token: Some(token), ..Call::new(port(2), id(2)) };
    assert!(ann.mychips_call(call.clone()).await.is_err(), "reserved by somebody else");
    assert_eq!(bob.standing(&id(3)).unwrap(), Standing::Unknown);
    nobody_came(&mut listener).await;
    ann.mychips_call(call).await.unwrap();
    assert!(listener.accept().await.is_some());
}

/// Both dial at once: the connection of the smaller id stays, and nothing is lost.
#[tokio::test(start_paused = true)]
async fn of_two_that_dial_each_other_one_connection_stays() {
    let network = MemoryNetwork::new();
    let (ann, bob) = acquainted(&network).await;
    let (mut at_ann, mut at_bob) = (ann.mychips_listener().unwrap(), bob.mychips_listener().unwrap());
    let (from_ann, from_bob, to_ann, to_bob) = tokio::join!(
        ann.mychips_call(Call::new(port(2), id(2))),
        bob.mychips_call(Call::new(port(1), id(1))),
        at_ann.accept(),
        at_bob.accept(),
    );
    let by_ann = (from_ann.unwrap(), to_bob.unwrap());
    let by_bob = (from_bob.unwrap(), to_ann.unwrap());
    let (mut stays, mut goes) = if id(1) < id(2) { (by_ann, by_bob) } else { (by_bob, by_ann) };
    assert_eq!(goes.0.recv().await, Err(Ended(End::ByUs(Reason::Replaced))));
    assert_eq!(goes.1.recv().await, Err(Ended(End::ByPeer(Reason::Replaced))));
    stays.0.send("there").await.unwrap();
    assert_eq!(stays.1.recv().await.unwrap(), b"there");
    stays.1.send("back").await.unwrap();
    assert_eq!(stays.0.recv().await.unwrap(), b"back");
}

#[tokio::test(start_paused = true)]
async fn of_two_that_one_has_dialed_the_later_stays() {
    let network = MemoryNetwork::new();
    let (ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    let (mut first, mut first_here) = connected(&ann, &mut listener).await;
    first.send("before").await.unwrap();
    let (second, mut second_here) = connected(&ann, &mut listener).await;
    assert_eq!(first_here.recv().await.unwrap(), b"before");
    assert_eq!(first_here.recv().await, Err(Ended(End::ByUs(Reason::Replaced))));
    assert_eq!(first.recv().await, Err(Ended(End::ByPeer(Reason::Replaced))));
    second.send("after").await.unwrap();
    assert_eq!(second_here.recv().await.unwrap(), b"after");
}

/// Whoever does not take what comes has the far end wait, and nothing is lost.
#[tokio::test(start_paused = true)]
async fn what_is_not_taken_is_not_read() {
    let network = MemoryNetwork::new();
    let (ann, bob) = acquainted(&network).await;
    let mut listener = bob.mychips_listener().unwrap();
    let (there, mut here) = connected(&ann, &mut listener).await;
    let sending = tokio::spawn(async move {
        for number in 0..200_u8 {
            there.send(vec![number; 60_000]).await.unwrap();
        }
        there
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!sending.is_finished());
    for number in 0..200_u8 {
        assert_eq!(here.recv().await.unwrap()[0], number);
    }
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_speak_the_profile_says_so() {
    let network = MemoryNetwork::new();
    let node = crate::join::newcomer(&network, 1).await;
    assert!(node.mychips_listener().is_none() && node.mychips_address().is_none());
    let refused = node.mychips_call(Call::new(port(2), id(2))).await.unwrap_err();
    assert!(matches!(refused, CallError::Off));
}

/// What was confirmed is known after a restart: the recording is not even answered.
#[tokio::test(start_paused = true)]
async fn a_recording_is_met_with_silence_after_a_restart_too() {
    let network = MemoryNetwork::new();
    let store = Store::in_memory().unwrap();
    let mut recorded = Vec::new();
    for run in 0..2 {
        let bob = start_with(&network, 2, |builder| builder.store(store.clone())).await;
        bob.vouch(id(1), grant()).await.unwrap();
        let mut listener = bob.mychips_listener().unwrap();
        if run == 0 {
            let mut wire = Wire::open(&network, 1, 7, b"early").await;
            wire.shake_hands().await;
            listener.accept().await.unwrap();
            recorded = wire.sent;
        } else {
            assert_silence(&network, "a recording", &recorded).await;
            nobody_came(&mut listener).await;
            let mut later = Wire::open(&network, 1, 8, b"").await;
            later.shake_hands().await;
            listener.accept().await.unwrap();
        }
        drop(listener);
        bob.shutdown().await;
    }
}

/// Counters of calls go on after a restart, wherever the clock stands.
#[tokio::test(start_paused = true)]
async fn a_caller_that_restarts_is_not_taken_for_a_recording() {
    let network = MemoryNetwork::new();
    let bob = start(&network, 2).await;
    bob.vouch(id(1), grant()).await.unwrap();
    let mut listener = bob.mychips_listener().unwrap();
    let store = Store::in_memory().unwrap();
    for _ in 0..3 {
        let ann = start_with(&network, 1, |builder| builder.store(store.clone())).await;
        ann.vouch(id(2), grant()).await.unwrap();
        let (there, _here) = connected(&ann, &mut listener).await;
        drop(there);
        ann.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn strangers_have_so_many_places_and_members_come_in_beside_them() {
    let network = MemoryNetwork::new();
    let limits = |builder: Builder| {
        let mut limits = node::Limits::default();
        (limits.max_strangers, limits.max_strangers_per_source) = (3, 2);
        builder.limits(limits)
    };
    let bob = start_with(&network, 2, limits).await;
    bob.vouch(id(1), grant()).await.unwrap();
    let mut listener = bob.mychips_listener().unwrap();
    let began = tokio::time::Instant::now();
    let mut strangers = Vec::new();
    for source in [3, 3, 3, 4] {
        strangers.push(network.connect(host(source), port(2)).await.unwrap());
    }
    // The third of one source has no place.
    assert!(strangers.remove(2).read_to_end(&mut Vec::new()).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(1));
    // A member takes that of the one who waits longest.
    let mut wire = Wire::open(&network, 1, 7, b"").await;
    wire.shake_hands().await;
    assert!(listener.accept().await.is_some());
    assert!(strangers.remove(0).read_to_end(&mut Vec::new()).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(1));
    // The others are left alone until their deadline.
    assert!(strangers.remove(0).read_to_end(&mut Vec::new()).await.is_err());
    assert_eq!(began.elapsed().as_secs(), 10);
}
