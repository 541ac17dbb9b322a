//! Key-compromise impersonation: somebody has stolen the static key of Ann's own device, and speaks to her in Bob's name.
//!
//! What the thief gets, in every suite: one answer to each first packet that it makes, and a place among the sessions
//! that nobody has confirmed, for ten seconds. No session, no byte delivered, no event, nothing stored, and Bob is kept
//! out of nothing.

// The handshake by another implementation, which can be told to lie.
#[path = "../../../x3dh-handshake/tests/oracle/mod.rs"]
mod oracle;

use std::convert::Infallible;
use std::time::Duration;

use bytes::BytesMut;
use chunk_proto::Deflater;
use link::{BufferPool, PeerLimits, Tx};
use membership::{Card, NetAddress};
use node::store::Store;
use node::{Device, DirectoryConfig, MemoryNetwork, MemoryStream, Node, Role, StreamOptions, Suite};
use oracle::{Forged, Inputs, Values, noise, x3dh};
use rand::rand_core::{TryCryptoRng, TryRng};
use secure_channel::{Association, PathNumber, SessionSecrets, split};
use selfsync_codec::{Config, Decoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use x3dh_handshake::{
    BootId, Capabilities, Established, Initiator, InitiatorConfig, Limits, MAX_PACKET_BYTES, Tag, TrafficAead,
};

use crate::join::Persona;
use crate::support::{host, name, next};

/// Where the thief is.
const THIEF: u8 = 66;

/// The bytes that were given, and not one more.
struct FixedRng(Vec<u8>);

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("the handshake draws bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("the handshake draws bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0[..bytes.len()]);
        self.0.drain(..bytes.len());
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

/// Ann, whose key was stolen, and Bob, a member of hers and she of his.
struct Scene {
    network: MemoryNetwork,
    suite: Suite,
    ann: Node,
    bob: Node,
    store: Store,
}

fn card(persona: &Persona, number: u8) -> Card {
    let address = NetAddress::new(host(number).to_string()).unwrap();
    Card::new(vec![persona.record.clone()], persona.door.clone(), vec![address], None).unwrap()
}

async fn start(network: &MemoryNetwork, suite: Suite, number: u8, store: Option<&Store>) -> Node {
    let Persona { identity, key, record, door } = Persona::new(number.into());
    let builder = Node::builder().device(Device::new(key, record).unwrap()).door(door).suites([suite]);
    let builder = builder.directory(DirectoryConfig::new(identity)).memory(network).listen(host(number));
    let builder = match store {
        Some(store) => builder.store(store.clone()),
        None => builder,
    };
    builder.spawn().await.unwrap()
}

impl Scene {
    async fn new(suite: Suite) -> Self {
        let network = MemoryNetwork::new();
        let store = Store::in_memory().unwrap();
        let ann = start(&network, suite, 1, Some(&store)).await;
        let bob = start(&network, suite, 2, None).await;
        ann.vouch_for(card(&Persona::new(2), 2), None).await.unwrap();
        bob.vouch_for(card(&Persona::new(1), 1), None).await.unwrap();
        Self { network, suite, ann, bob, store }
    }

    /// What goes into a first packet in Bob's name by somebody who has everything of Ann's, and of Bob what is public.
    fn inputs(&self, counter: u64) -> Inputs {
        let (ann, bob) = (Persona::new(1), Persona::new(2));
        Inputs {
            a: [0x99; 32],
            credential: bob.record.to_credential().0,
            b: *ann.key.secret().dangerous_bytes(),
            identity_r: ann.record.identity().0,
            door: *ann.door.dangerous_bytes(),
            counter,
            forged: Forged { a: Some(bob.record.static_key().0), ..Forged::default() },
            ..Inputs::frozen(self.suite.id(), false)
        }
    }

    fn values(&self, inputs: &Inputs) -> Values {
        if self.suite == Suite::NoiseIk { noise(inputs) } else { x3dh(inputs) }
    }

    fn forge(&self, counter: u64) -> Vec<Vec<u8>> {
        let values = self.values(&self.inputs(counter));
        ["M1a", "M1b", "M1"].iter().filter_map(|name| values.find(name)).map(<[u8]>::to_vec).collect()
    }

    /// The same packets by Bob himself, with the randomness of the thief.
    fn of_bob(&self, counter: u64) -> (Initiator, Vec<Vec<u8>>) {
        let (ann, bob, inputs) = (Persona::new(1), Persona::new(2), self.inputs(counter));
        let config = InitiatorConfig {
            suite: self.suite,
            static_secret: bob.key.secret(),
            credential: &bob.record.to_credential(),
            responder_identity: &ann.record.identity(),
            responder_static: &ann.record.static_key(),
            door: &ann.door,
            ticket: None,
            counter,
            boot: BootId(inputs.boot_i),
            capabilities: Capabilities(inputs.capabilities_i),
            limits: Limits {
                session_window_kib: inputs.windows_i[0],
                stream_window_kib: inputs.windows_i[1],
            },
            tag: Tag(inputs.tag_i),
        };
        let mut rng = FixedRng([&inputs.x[..], &inputs.kem_seed].concat());
        let (initiator, flight) = Initiator::start(&config, &mut rng).unwrap();
        (initiator, flight.packets().map(<[u8]>::to_vec).collect())
    }

    /// Says the packets to Ann; gives back the connection, and her answer.
    async fn say(&self, packets: &[Vec<u8>]) -> (MemoryStream, Vec<u8>) {
        let mut stream = self.network.connect(host(THIEF), host(1)).await.unwrap();
        stream.write_all(&frames(packets)).await.unwrap();
        let (mut input, mut decoder) = (BytesMut::new(), Decoder::new(Config::reliable(MAX_PACKET_BYTES)));
        loop {
            if let Some(packet) = decoder.next_frame(&mut input).unwrap() {
                return (stream, packet.to_vec());
            }
            assert!(stream.read_buf(&mut input).await.unwrap() > 0, "documented: it gets an answer");
        }
    }
}

fn frames(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut frames = BytesMut::new();
    packets.iter().for_each(|packet| selfsync_codec::encode(packet, &mut frames));
    frames.to_vec()
}

/// The first packet of a session, sealed with these secrets.
fn confirmation(association: Association) -> Vec<u8> {
    let (sealer, _, _) = split(association, secure_channel::Limits::default()).unwrap();
    let limits = link::Limits::default();
    let peer = PeerLimits {
        session_window_bytes: limits.session_window_bytes,
        stream_window_bytes: limits.stream_window_bytes,
    };
    let mut tx = Tx::new(sealer, PathNumber(0), limits, peer, true, BufferPool::default());
    let sealed = tx.poll_transmit().unwrap().seal(&mut Deflater::default()).unwrap();
    sealed.buffer.as_slice()[sealed.range].to_vec()
}

fn association(established: Established) -> Association {
    let Established { secrets, role, suite, aead, local_tag, remote_tag, .. } = established;
    Association { secrets, role, suite, aead, local_tag, remote_tag }
}

/// Secrets as they would be if Bob's key were `guess`, and all the rest that the thief cannot read in the answer, given.
fn guessed(scene: &Scene, inputs: &Inputs, answer: &[u8], guess: [u8; 32], tag: Tag) -> Association {
    let big_y = answer[8..40].try_into().unwrap();
    let forged = Forged { y: Some(big_y), ..inputs.forged.clone() };
    let values = scene.values(&Inputs { a: guess, forged, ..inputs.clone() });
    let secrets = ["r0", "c_I", "c_R", "ex"].map(|name| values.get(name)).concat();
    Association {
        secrets: SessionSecrets::dangerous_from_bytes(&secrets.try_into().unwrap()),
        role: Role::Initiator,
        suite: scene.suite,
        aead: TrafficAead::Aes256Gcm,
        local_tag: Tag(inputs.tag_i),
        remote_tag: tag,
    }
}

async fn nobody_gets_in_by_a_stolen_key(suite: Suite) {
    let scene = Scene::new(suite).await;
    let Scene { ann, bob, store, .. } = &scene;
    let mut inbox = ann.receiver(name("notes")).unwrap();
    let (directory, settled) = (ann.directory().unwrap(), ann.settled().unwrap());
    let mut events = ann.events();

    // What the thief makes is, bit for bit, what Bob would have made: Ann cannot know better.
    let counter = u64::MAX - 1_000;
    assert_eq!(scene.forge(counter), scene.of_bob(counter).1);

    // It confirms with all the secrets that it could have in the place of Bob's; Ann's tag it is given.
    let bobs = *Persona::new(2).key.secret().dangerous_bytes();
    let inputs = scene.inputs(counter);
    let guesses = [inputs.b, inputs.x, inputs.a, [0; 32]];
    for (number, guess) in (1..).zip(guesses) {
        assert_ne!(guess, bobs);
        let counter = counter + number;
        let (mut stream, answer) = scene.say(&scene.forge(counter)).await;
        let (initiator, _) = scene.of_bob(counter);
        let tag = initiator.read_reply(&answer).unwrap().remote_tag;
        let inputs = scene.inputs(counter);
        let sealed = confirmation(guessed(&scene, &inputs, &answer, guess, tag));
        stream.write_all(&frames(&[sealed])).await.unwrap();
        let mut rest = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await;
        assert!(end.is_ok() && rest.is_empty(), "nothing but the end: {} bytes", rest.len());
    }
    assert!(tokio::time::timeout(Duration::from_secs(30), inbox.recv()).await.is_err(), "nothing delivered");
    assert!(tokio::time::timeout(Duration::ZERO, events.next()).await.is_err(), "nobody told");
    assert!(ann.sessions().is_empty());
    assert!(store.snapshot().confirmed_counters().unwrap().next().is_none(), "nothing stored");
    assert_eq!(ann.directory().unwrap(), directory);
    assert_eq!(ann.settled().unwrap().standing(&bob.identity()), settled.standing(&bob.identity()));

    // Bob himself gets through, however far ahead the counters of the thief were.
    let sender = bob.sender(ann.identity(), name("notes"), StreamOptions::default());
    sender.send_confirmed("it is me").await.unwrap();
    assert_eq!(next(&mut inbox).await, "it is me");
    // And his session stays what it is while the thief goes on.
    for number in 100..103 {
        let (stream, _) = scene.say(&scene.forge(counter + number)).await;
        sender.send_confirmed("still me").await.unwrap();
        assert_eq!(next(&mut inbox).await, "still me");
        drop(stream);
    }
    assert_eq!(ann.sessions().len(), 1);
    tokio::time::sleep(Duration::from_secs(15)).await;
    bob.disconnect(ann.identity());
    tokio::time::sleep(Duration::from_secs(2)).await;
    sender.send_confirmed("again").await.unwrap();
    assert_eq!(next(&mut inbox).await, "again");
}

/// All that is missing above is Bob's key: with it the very same packets are a session.
async fn whoever_has_the_friends_key_gets_in(suite: Suite) {
    let scene = Scene::new(suite).await;
    let mut events = scene.ann.events();
    let (mut stream, answer) = scene.say(&scene.forge(7)).await;
    let established = scene.of_bob(7).0.read_reply(&answer).unwrap();
    stream.write_all(&frames(&[confirmation(association(established))])).await.unwrap();
    let up = async { while !matches!(events.next().await, Some(node::Event::PeerUp { .. })) {} };
    tokio::time::timeout(Duration::from_secs(5), up).await.unwrap();
    assert_eq!(scene.ann.sessions()[0].peer.identity, scene.bob.identity());
}

#[tokio::test(start_paused = true)]
async fn in_the_hybrid_suite() {
    nobody_gets_in_by_a_stolen_key(Suite::X3dhHybrid).await;
    whoever_has_the_friends_key_gets_in(Suite::X3dhHybrid).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_kem() {
    nobody_gets_in_by_a_stolen_key(Suite::X3dh).await;
    whoever_has_the_friends_key_gets_in(Suite::X3dh).await;
}

#[tokio::test(start_paused = true)]
async fn in_noise_ik() {
    nobody_gets_in_by_a_stolen_key(Suite::NoiseIk).await;
    whoever_has_the_friends_key_gets_in(Suite::NoiseIk).await;
}
