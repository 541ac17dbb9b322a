//! What a handshake costs: both ends of every suite, and what a packet costs that earns nothing.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::StdRng};
use x3dh_handshake::{
    BootId, CREDENTIAL_BYTES, Capabilities, CookieSecret, Credential, Door, Established, FirstFlight,
    IdentityKey, Initiator, InitiatorConfig, Knock, Limits, Psk, ReplyConfig, ResponderKeys, StaticSecret,
    Suite, Tag, TicketId, TrafficAead, rekey,
};

const LIMITS: Limits = Limits { session_window_kib: 1024, stream_window_kib: 256 };

const NAMED: [Suite; 4] = [Suite::X3dhHybrid, Suite::X3dh, Suite::NoiseIk, Suite::NoiseIkPsk2];

struct Ends {
    suite: Suite,
    psk: Option<Psk>,
    alice: StaticSecret,
    bob: ResponderKeys,
    rng: StdRng,
}

impl Ends {
    fn new(suite: Suite) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let bob = ResponderKeys {
            static_secret: StaticSecret::generate(&mut rng).unwrap(),
            identity: IdentityKey([2; 32]),
            door: Door::generate(&mut rng),
            previous_doors: vec![Door::generate(&mut rng)],
            anonymous_door: None,
        };
        let psk = suite.needs_ticket().then(|| Psk::from_bytes([3; 32]));
        Self { suite, psk, alice: StaticSecret::generate(&mut rng).unwrap(), bob, rng }
    }

    fn start(&mut self) -> (Initiator, FirstFlight) {
        let config = InitiatorConfig {
            suite: self.suite,
            static_secret: &self.alice,
            credential: &Credential([1; CREDENTIAL_BYTES]),
            responder_identity: &self.bob.identity,
            responder_static: &self.bob.static_secret.public(),
            door: &self.bob.door,
            ticket: self.psk.as_ref().map(|psk| (TicketId([4; 16]), psk)),
            counter: 1,
            boot: BootId([1; 16]),
            capabilities: Capabilities::BOTH_AEADS,
            limits: LIMITS,
            tag: Tag(1),
        };
        Initiator::start(&config, &mut self.rng).unwrap()
    }

    fn respond(&mut self, flight: &FirstFlight) -> (Vec<u8>, Established) {
        let mut packets = flight.packets();
        let knock = Knock::check(&self.bob, packets.next().unwrap()).unwrap();
        let proven = knock.claim(&self.bob).unwrap().prove(&self.bob).unwrap();
        let mut accepted = proven.accept(self.psk.as_ref()).unwrap();
        if let Some(part) = packets.next() {
            accepted = accepted.key_share(part).unwrap();
        }
        let config = ReplyConfig {
            aead: TrafficAead::Aes256Gcm,
            boot: BootId([2; 16]),
            capabilities: Capabilities::BOTH_AEADS,
            limits: LIMITS,
            tag: Tag(2),
        };
        accepted.reply(&config, &mut self.rng).unwrap()
    }

    fn both(&mut self) -> (Established, Established) {
        let (initiator, flight) = self.start();
        let (reply, bob) = self.respond(&flight);
        (initiator.read_reply(&reply).unwrap(), bob)
    }
}

fn handshakes(criterion: &mut Criterion) {
    for suite in NAMED {
        let mut group = criterion.benchmark_group(format!("handshake/{suite:?}"));
        let mut ends = Ends::new(suite);
        group.bench_function("both ends", |bencher| bencher.iter(|| black_box(ends.both())));
        group.bench_function("start", |bencher| bencher.iter(|| black_box(ends.start())));
        let (_, flight) = ends.start();
        group.bench_function("respond", |bencher| bencher.iter(|| black_box(ends.respond(&flight))));
        group.finish();
    }
}

fn refusals(criterion: &mut Criterion) {
    for suite in NAMED {
        let mut group = criterion.benchmark_group(format!("refusal/{suite:?}"));
        let mut ends = Ends::new(suite);
        let (_, flight) = ends.start();
        let first = flight.packets().next().unwrap().to_vec();
        let mut forged = first.clone();
        forged[100] ^= 1;
        group.bench_function("stranger", |bencher| {
            bencher.iter(|| black_box(Knock::check(&ends.bob, &forged).is_err()));
        });
        group.bench_function("claim", |bencher| {
            bencher.iter(|| black_box(Knock::check(&ends.bob, &first).unwrap().claim(&ends.bob).unwrap()));
        });
        let secret = CookieSecret::generate(&mut ends.rng);
        group.bench_function("challenge", |bencher| {
            let knock = Knock::check(&ends.bob, &first).unwrap();
            bencher
                .iter(|| black_box(knock.challenge(&secret, b"192.0.2.1:4242", 0, &mut ends.rng).unwrap()));
        });
        let (initiator, flight) = ends.start();
        let (mut reply, _) = ends.respond(&flight);
        reply[100] ^= 1;
        let mut initiator = Some(initiator);
        group.bench_function("forged reply", |bencher| {
            bencher.iter(|| initiator = Some(initiator.take().unwrap().read_reply(&reply).unwrap_err().0));
        });
        group.finish();
    }
}

fn rekeys(criterion: &mut Criterion) {
    for suite in [Suite::X3dhHybrid, Suite::X3dh] {
        let mut rng = StdRng::seed_from_u64(1);
        criterion.bench_function(&format!("rekey/{suite:?}/both ends"), |bencher| {
            bencher.iter(|| {
                let offer = rekey::Offer::new(suite, &mut rng).unwrap();
                let (response, fresh) = rekey::answer(suite, offer.request(), &mut rng).unwrap();
                black_box((fresh, offer.finish(&response).unwrap()))
            });
        });
    }
}

criterion_group!(benches, handshakes, refusals, rekeys);
criterion_main!(benches);
