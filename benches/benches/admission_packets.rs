//! What a first packet costs that is refused, by the stage at which it is. Every row but the last two is to stay below 2
//! microseconds; none computes a Diffie-Hellman.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::StdRng};
use x3dh_handshake::{
    BootId, CREDENTIAL_BYTES, Capabilities, CookieSecret, Credential, Door, FirstFlight, IdentityKey,
    Initiator, InitiatorConfig, Knock, Limits, ResponderKeys, StaticSecret, Suite, Tag,
    anonymous::{AnonymousKnock, Caller, CallerConfig},
    cookie,
};

const LIMITS: Limits = Limits { session_window_kib: 1024, stream_window_kib: 256 };
const SOURCE: &[u8] = b"192.0.2.1:4242";
/// What the packets show; one bit more is asked for where too little work is measured.
const BITS: u8 = 10;

struct Scene {
    keys: ResponderKeys,
    /// The one in use, which is tried first, and the one before it.
    secrets: [CookieSecret; 2],
    first: Vec<u8>,
    cookied: Vec<u8>,
}

impl Scene {
    fn new(suite: Suite) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let keys = ResponderKeys {
            static_secret: StaticSecret::generate(&mut rng).unwrap(),
            identity: IdentityKey([2; 32]),
            door: Door::generate(&mut rng),
            previous_doors: vec![Door::generate(&mut rng)],
            anonymous_door: Some(Door::generate(&mut rng)),
        };
        let secrets = [CookieSecret::generate(&mut rng), CookieSecret::generate(&mut rng)];
        let flight = flight(suite, &keys, &mut rng);
        let first = flight.packets().next().unwrap().to_vec();
        // Under the older secret: the dearest way in, and the dearest refusal.
        let (challenge, door) = if suite.is_anonymous() {
            let knock = AnonymousKnock::check(&keys, &first).unwrap();
            (knock.challenge(&secrets[1], SOURCE, BITS, &mut rng), keys.anonymous_door.as_ref().unwrap())
        } else {
            let knock = Knock::check(&keys, &first).unwrap();
            (knock.challenge(&secrets[1], SOURCE, BITS, &mut rng), &keys.door)
        };
        let puzzle = flight.read_challenge(door, &challenge.unwrap()).unwrap();
        let solved = puzzle.try_solve(0..u64::MAX).unwrap();
        let cookied = flight.with_cookie(&solved).unwrap().packets().next().unwrap().to_vec();
        Self { keys, secrets, first, cookied }
    }

    /// What a node does with a packet before any Diffie-Hellman: whether it gets that far.
    fn admits(&self, packet: &[u8], source: &[u8], least_bits: u8) -> bool {
        let first = match packet.first() {
            Some(5) => match cookie::open(packet, &self.secrets, source, least_bits) {
                Ok(first) => first,
                Err(_) => return false,
            },
            _ => packet,
        };
        match first.get(2..4) {
            Some([0x03, 0x01]) => AnonymousKnock::check(&self.keys, first).is_ok(),
            _ => Knock::check(&self.keys, first).is_ok(),
        }
    }

    fn refuses(&self, bencher: &mut Bencher<'_>, packet: &[u8], source: &[u8], least_bits: u8) {
        assert!(!self.admits(packet, source, least_bits));
        bencher.iter(|| self.admits(black_box(packet), black_box(source), least_bits));
    }
}

fn flight(suite: Suite, keys: &ResponderKeys, rng: &mut StdRng) -> FirstFlight {
    let responder_static = &keys.static_secret.public();
    if suite.is_anonymous() {
        let config = CallerConfig {
            responder_identity: &keys.identity,
            responder_static,
            door: keys.anonymous_door.as_ref().unwrap(),
            capabilities: Capabilities::BOTH_AEADS,
            limits: LIMITS,
            tag: Tag(1),
        };
        return Caller::start(&config, rng).unwrap().1;
    }
    let config = InitiatorConfig {
        suite,
        static_secret: &StaticSecret::generate(rng).unwrap(),
        credential: &Credential([1; CREDENTIAL_BYTES]),
        responder_identity: &keys.identity,
        responder_static,
        door: &keys.door,
        ticket: None,
        counter: 1,
        boot: BootId([1; 16]),
        capabilities: Capabilities::BOTH_AEADS,
        limits: LIMITS,
        tag: Tag(1),
    };
    Initiator::start(&config, rng).unwrap().1
}

fn flip(packet: &[u8], index: usize) -> Vec<u8> {
    let mut changed = packet.to_vec();
    changed[index] ^= 1;
    changed
}

fn refusals(criterion: &mut Criterion) {
    for suite in [Suite::X3dhHybrid, Suite::NoiseNk] {
        let scene = Scene::new(suite);
        assert!(scene.admits(&scene.first, SOURCE, 0) && scene.admits(&scene.cookied, SOURCE, BITS));
        // How much work the packet happens to show, and one bit more.
        let too_much = (BITS..=u8::MAX).find(|bits| !scene.admits(&scene.cookied, SOURCE, *bits)).unwrap();
        let mut group = criterion.benchmark_group(format!("admission/{suite:?}"));
        group.bench_function("wrong length", |bencher| {
            scene.refuses(bencher, &[&scene.first[..], &[0]].concat(), SOURCE, 0);
        });
        let wrong_mac = flip(&scene.first, scene.first.len() - 1);
        group.bench_function("wrong door mac", |bencher| scene.refuses(bencher, &wrong_mac, SOURCE, 0));
        let wrong_cookie = flip(&scene.cookied, 9);
        group.bench_function("wrong cookie", |bencher| scene.refuses(bencher, &wrong_cookie, SOURCE, BITS));
        group.bench_function("cookie of another address", |bencher| {
            scene.refuses(bencher, &scene.cookied, b"192.0.2.2:4242", BITS);
        });
        group.bench_function("wrong puzzle", |bencher| {
            scene.refuses(bencher, &scene.cookied, SOURCE, too_much);
        });
        let wrong_body = flip(&scene.cookied, 25 + 50);
        group.bench_function("right cookie, wrong door mac", |bencher| {
            scene.refuses(bencher, &wrong_body, SOURCE, BITS);
        });
        group.bench_function("admitted", |bencher| {
            bencher.iter(|| scene.admits(black_box(&scene.cookied), SOURCE, BITS));
        });
        group.finish();
    }
}

criterion_group!(benches, refusals);
criterion_main!(benches);
