//! A recorded first flight, again and again: to the node that had it, to that node in another process, and to another
//! node. 100,000 times against what a node checks first packets with, filled from the store of a node that had the
//! session; and some hundreds of times over real sockets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use endpoint::{
    Action, Admittance, Endpoint, HandshakeKeys, Inbound, MAX_CAUSES, MAX_STRANGER_CAUSES, Now, PathFacts,
    PeerId, Step, Urgency,
};
use membership::{Grant, Members, NetAddress, Psk, Scope, TicketTerms, UnixSeconds};
use node::store::Store;
use node::{Limits, MemoryNetwork, Node, StreamOptions};
use rand::SeedableRng;
use rand::rngs::StdRng;
use selfsync_codec::{Config, Decoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use x3dh_handshake::{BootId, Capabilities, ResponderKeys, Suite, TicketId, TrafficAead};

use crate::support::{PATIENCE, Person, host, loopback, name, next};

/// Of each node, in all 100,000.
const TRIES: usize = 33_334;
/// Between two of them: a handshake's deadline has a thousand.
const PACE: Duration = Duration::from_millis(10);
const TICKET: TicketId = TicketId([3; 16]);

/// A session of Alice with Bob: what she wrote, in packets, and the store that Bob had.
struct Recorded {
    alice: Person,
    bob: Person,
    packets: Vec<Vec<u8>>,
    store: Store,
}

async fn start(person: &Person, network: &MemoryNetwork, store: &Store, alice: &Person) -> Node {
    let mut members = Members::new();
    members.add(&alice.card(host(1))).unwrap();
    let builder = person.builder().memory(network).listen(host(2)).members(members);
    builder.store(store.clone()).spawn().await.unwrap()
}

async fn record() -> Recorded {
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let (alice, bob) = (Person::new(1), Person::new(2));
    let store = Store::in_memory().unwrap();
    let b = start(&bob, &network, &store, &alice).await;
    let a = alice.start(&network, host(1), Limits::default(), &[(&bob, 2)]).await;
    let mut inbox = b.receiver(name("s")).unwrap();
    a.sender(bob.identity(), name("s"), StreamOptions::default()).send_confirmed("once").await.unwrap();
    assert_eq!(next(&mut inbox).await, "once");
    a.shutdown().await;
    b.shutdown().await;
    let bytes = network.recordings().into_iter().find(|it| it.to == host(2)).unwrap().bytes;
    let (mut input, mut decoder) = (BytesMut::from(&bytes[..]), Decoder::new(Config::reliable(100_000)));
    let packets: Vec<Vec<u8>> = std::iter::from_fn(|| decoder.next_frame(&mut input).unwrap())
        .map(|packet| packet.to_vec())
        .collect();
    assert!(packets.len() > 3, "the flight, the confirmation, the message");
    Recorded { alice, bob, packets, store }
}

/// What a node decides by, as the node makes it from its store.
struct Door {
    endpoint: Endpoint,
    keys: HandshakeKeys,
    now: Now,
    rng: StdRng,
    /// How many flights were proven to be of their maker.
    proven: usize,
}

impl Door {
    fn open(person: &Person, alice: &Person, store: &Store) -> Self {
        let mut members = Members::new();
        members.add(&alice.card(host(1))).unwrap();
        let keys = HandshakeKeys {
            responder: ResponderKeys {
                static_secret: person.key().secret().clone(),
                identity: person.identity(),
                door: person.door(),
                previous_doors: Vec::new(),
                anonymous_door: None,
            },
            credential: person.record.to_credential(),
            boot: BootId([9; 16]),
            suites: vec![Suite::X3dhHybrid],
            aead: TrafficAead::Aes256Gcm,
            capabilities: Capabilities::BOTH_AEADS,
            limits: x3dh_handshake::Limits { session_window_kib: 1024, stream_window_kib: 256 },
        };
        let mut rng = StdRng::seed_from_u64(1);
        let mut endpoint =
            Endpoint::new(endpoint::Config::default(), keys.local(), Arc::new(members), &mut rng);
        for item in store.snapshot().confirmed_counters().unwrap() {
            let (peer, counter) = item.unwrap();
            endpoint.restore_counter(peer, counter);
        }
        let grant = Grant { scope: Scope::default(), depth: 0, expires: UnixSeconds::MAX };
        let (secret, expires) = (Psk::from_bytes([4; 32]), UnixSeconds::MAX);
        let terms = TicketTerms { secret, expires, uses_left: 1, bound: None, grant };
        endpoint.tickets_mut().issue(TICKET, terms).unwrap();
        let now = Now { instant: Instant::now(), date: UnixSeconds::new(1_900_000_000).unwrap() };
        Self { endpoint, keys, now, rng, proven: 0 }
    }

    /// Somebody says these packets on a path of their own. Gives back what was said to them, and whether it was asked
    /// for an answer.
    fn hear(&mut self, packets: &[Vec<u8>]) -> (usize, bool) {
        let remote = NetAddress::new("192.0.2.1:1").unwrap();
        let facts = PathFacts { kind: "test", reliable: true, mtu_bytes: 65_536, remote };
        let accepted = self.endpoint.accept(self.now, facts.clone()).unwrap();
        let mut inbound = Inbound::new(&facts, accepted.deadline);
        let (mut said, mut answered) = (0, false);
        for packet in packets {
            let admittance: Admittance = self.endpoint.admittance();
            match inbound.handle_packet(self.now, packet, (&self.keys, &admittance)) {
                Step::Wait => {}
                Step::Proven(proof) => {
                    self.proven += 1;
                    self.endpoint.admit(self.now, accepted.path, *proof, &mut self.rng);
                }
                Step::Failed(cause) => self.endpoint.handshake_failed(self.now, accepted.path, cause),
                other => panic!("{other:?}"),
            }
            said += inbound.poll_transmit().map_or(0, <[u8]>::len);
        }
        self.now.instant += PACE;
        self.endpoint.handle_timeout(self.now);
        while let Some(action) = self.endpoint.poll_action() {
            match action {
                Action::Answer { .. } => answered = true,
                Action::ClosePath { .. } => {}
                other => panic!("nothing else: {other:?}"),
            }
        }
        while self.endpoint.poll_noted().is_some() {}
        (said, answered)
    }

    /// Everything that there is, in words, but for the clock and how many have come.
    fn size(&self) -> usize {
        format!("{:?}", self.endpoint).len()
    }
}

/// `proven`: how many of eight tries are a flight for this node, so that it looks at all of it.
fn zero_effects(mut door: Door, recorded: &Recorded, proven: usize) {
    let before = door.proven;
    let peer = PeerId { identity: recorded.alice.identity(), device: recorded.alice.key().key() };
    let kept: Vec<_> =
        recorded.store.snapshot().confirmed_counters().unwrap().collect::<Result<_, _>>().unwrap();
    let members = Arc::clone(door.endpoint.members());
    let tickets = format!("{:?}", door.endpoint.tickets());
    let mut size = 0;
    for number in 0..TRIES {
        // Now all that was recorded, now the flight, now a part of it.
        let said = match number % 8 {
            0 => &recorded.packets[..],
            6 => &recorded.packets[..1],
            7 => &recorded.packets[1..],
            _ => &recorded.packets[..2],
        };
        assert_eq!(door.hear(said), (0, false), "try {number}");
        if number == 3_000 {
            size = door.size();
        }
    }
    assert_eq!(door.proven - before, TRIES / 8 * proven + (TRIES % 8).min(proven));
    // What paths are called grows by a digit here and there; what there is of them does not.
    let grown = door.size().saturating_sub(size);
    assert!(grown < 40_000, "{size} characters, and {grown} more");
    assert!(door.endpoint.stranger_causes().len() <= MAX_STRANGER_CAUSES);
    assert!(door.endpoint.causes(&peer.identity).len() <= MAX_CAUSES);
    assert_eq!(door.endpoint.sessions().count(), 0);
    assert_eq!(door.endpoint.session_with(&peer), None);
    assert_eq!(format!("{:?}", door.endpoint.tickets()), tickets, "no ticket reserved or used");
    assert!(Arc::ptr_eq(door.endpoint.members(), &members), "the list of members is untouched");
    let after: Vec<_> =
        recorded.store.snapshot().confirmed_counters().unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(after, kept, "no counter has moved");
    door.now.instant += Duration::from_secs(60);
    door.endpoint.handle_timeout(door.now);
    while door.endpoint.poll_action().is_some() {}
    assert!(door.endpoint.is_quiet(), "nothing is left: {:?}", door.endpoint);
}

#[tokio::test(start_paused = true)]
async fn to_the_restarted_node() {
    let recorded = record().await;
    zero_effects(Door::open(&recorded.bob, &recorded.alice, &recorded.store), &recorded, 6);
}

#[tokio::test(start_paused = true)]
async fn to_the_same_node() {
    let recorded = record().await;
    // A node that keeps nothing answers the first time, as if it had been Alice, and only then.
    let mut door = Door::open(&recorded.bob, &recorded.alice, &Store::in_memory().unwrap());
    assert_eq!(door.hear(&recorded.packets[..2]), (0, true));
    door.now.instant += Duration::from_secs(60);
    door.endpoint.handle_timeout(door.now);
    while door.endpoint.poll_action().is_some() {}
    zero_effects(door, &recorded, 6);
}

#[tokio::test(start_paused = true)]
async fn to_another_node() {
    let recorded = record().await;
    let carol = Person::new(3);
    zero_effects(Door::open(&carol, &recorded.alice, &recorded.store), &recorded, 0);
    // Nor if somebody has told its door to be the same.
    let mut door = Door::open(&carol, &recorded.alice, &recorded.store);
    door.keys.responder.door = recorded.bob.door();
    for _ in 0..100 {
        assert_eq!(door.hear(&recorded.packets), (0, false));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_was_recorded_gets_in_the_next_time() {
    let recorded = record().await;
    let mut door = Door::open(&recorded.bob, &recorded.alice, &recorded.store);
    let peer = PeerId { identity: recorded.alice.identity(), device: recorded.alice.key().key() };
    assert_eq!(door.hear(&recorded.packets[..2]), (0, false));
    // Also that Bob dials her still does what it did.
    let target = endpoint::Target::Device(peer);
    door.endpoint.connect(door.now, target, Urgency::Prompt, endpoint::WaiterId(1)).unwrap();
    assert!(matches!(door.endpoint.poll_action(), Some(Action::Dial { .. })));
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let bob = start(&recorded.bob, &network, &recorded.store, &recorded.alice).await;
    let alice = recorded.alice.start(&network, host(1), Limits::default(), &[(&recorded.bob, 2)]).await;
    alice.ping(bob.identity()).await.unwrap();
}

/// Says what was recorded on so many connections at once; counts the bytes that come back on all of them.
async fn say(node: &Node, bytes: &[u8], times: usize) -> usize {
    let address = node.local_addresses()[0];
    let mut saying = Vec::new();
    for _ in 0..times {
        let bytes = bytes.to_vec();
        saying.push(tokio::spawn(async move {
            let Ok(mut stream) = TcpStream::connect(address).await else { return 0 };
            stream.write_all(&bytes).await.ok();
            let mut heard = Vec::new();
            let all = stream.read_to_end(&mut heard);
            tokio::time::timeout(PATIENCE, all).await.expect("closed in time").ok();
            heard.len()
        }));
    }
    let mut heard = 0;
    for saying in saying {
        heard += saying.await.unwrap();
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_hundreds_over_sockets() {
    let recorded = record().await;
    let Recorded { alice, bob, packets, store } = &recorded;
    let mut bytes = BytesMut::new();
    packets.iter().for_each(|packet| selfsync_codec::encode(packet, &mut bytes));
    let mut limits = Limits::default();
    limits.max_strangers_per_source = 1_000;
    let mut members = Members::new();
    members.add(&alice.card(host(1))).unwrap();
    let listening = |person: &Person, store: Store| {
        let builder = person.builder().listen(loopback()).limits(limits.clone()).members(members.clone());
        builder.store(store).spawn()
    };
    let (same, other) = (listening(bob, store.clone()).await.unwrap(), Person::new(3));
    let other = listening(&other, Store::in_memory().unwrap()).await.unwrap();
    let mut events = (same.events(), other.events());
    let kept = |store: &Store| -> Vec<_> {
        store.snapshot().confirmed_counters().unwrap().collect::<Result<_, _>>().unwrap()
    };
    let before = kept(store);
    let heard = tokio::join!(say(&same, &bytes, 150), say(&other, &bytes, 150));
    assert_eq!(heard, (0, 0), "not a byte");
    assert!(same.sessions().is_empty() && other.sessions().is_empty());
    assert!(tokio::time::timeout(Duration::ZERO, events.0.next()).await.is_err());
    assert!(tokio::time::timeout(Duration::ZERO, events.1.next()).await.is_err());
    assert_eq!((kept(store), kept(other.store().unwrap())), (before, vec![]));
    assert_eq!(same.members().len(), 1);
}
