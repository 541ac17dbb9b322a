//! What a first packet costs that is refused, and what its refusal costs: through `Inbound::handle_packet` and the guard.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use endpoint::{
    Admittance, Guard, GuardConfig, HandshakeCause, HandshakeKeys, Inbound, Now, Order, Outbound, PathFacts,
    RISE_INTERVAL, Source, Step,
};
use membership::{Card, DeviceKey, Door, Identity, Members, NetAddress, Record, UnixSeconds};
use rand::{SeedableRng, rngs::StdRng};
use x3dh_handshake::{BootId, Capabilities, Kind, Limits, ResponderKeys, Suite, Tag, TrafficAead};

struct Bench {
    keys: HandshakeKeys,
    admittance: Admittance,
    /// A first packet of a member, and the answer to a challenge.
    first: Vec<u8>,
    now: Now,
    path: PathFacts,
    rng: StdRng,
}

impl Bench {
    fn new(reliable: bool) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let mut members = Members::new();
        let mut person = || {
            let (identity, device) = (Identity::generate(&mut rng), DeviceKey::generate(&mut rng).unwrap());
            let door = Door::generate(&mut rng);
            let record = Record::issue(&identity, device.id(), device.key(), UnixSeconds::MAX).unwrap();
            let credential = record.to_credential();
            members.add(&Card::new(vec![record], door.clone(), vec![], None).unwrap()).unwrap();
            HandshakeKeys {
                responder: ResponderKeys {
                    static_secret: device.secret().clone(),
                    identity: identity.key(),
                    door,
                    // The dearer case: two doors to try.
                    previous_doors: vec![Door::from_bytes([9; 32])],
                    anonymous_door: None,
                },
                credential,
                boot: BootId([1; 16]),
                suites: vec![Suite::X3dhHybrid],
                aead: TrafficAead::Aes256Gcm,
                capabilities: Capabilities::BOTH_AEADS,
                limits: Limits { session_window_kib: 1, stream_window_kib: 1 },
            }
        };
        let (ann, keys) = (person(), person());
        let now = Now { instant: Instant::now(), date: UnixSeconds::new(1_000).unwrap() };
        let remote = NetAddress::new("192.0.2.1:1").unwrap();
        let path = PathFacts { kind: "bench", reliable, mtu_bytes: 65_536, remote };
        let deadline = now.instant + Duration::from_secs(10);
        let order = Order { peer: keys.local(), counter: 1, tag: Tag(1), deadline, ticket: None };
        let mut outbound = Outbound::start(now.instant, &order, &path, (&ann, &members), &mut rng).unwrap();
        let first = outbound.poll_transmit().unwrap().to_vec();
        let admittance = Admittance::from(Arc::new(members));
        Self { keys, admittance, first, now, path, rng }
    }

    /// Raises what is asked to cookies, and puzzles if the path is reliable.
    fn press(&mut self) {
        let mut guard = Guard::new(self.now.instant, &GuardConfig::default(), &mut self.rng);
        let mut now = self.now.instant;
        while guard.report(now).level.challenge(self.path.reliable).is_none() {
            now += RISE_INTERVAL;
            guard.deferred(now);
        }
        self.admittance.demand = guard.demand(now, &mut self.rng);
    }

    fn receive(&self, packet: &[u8]) -> Step {
        let mut inbound = Inbound::new(&self.path, self.now.instant + Duration::from_secs(10));
        inbound.handle_packet(self.now, packet, (&self.keys, &self.admittance))
    }

    fn refused(&self, packet: &[u8], cause: HandshakeCause) {
        let step = self.receive(black_box(packet));
        assert!(matches!(step, Step::Failed(why) if why == cause), "{step:?}");
    }
}

fn admission(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admission");
    let mut bench = Bench::new(false);
    let mut wrong_door = bench.first.clone();
    let last = wrong_door.len() - 1;
    wrong_door[last] ^= 1;
    let noise = vec![0x55; bench.first.len()];
    let short = &bench.first[..bench.first.len() - 1];
    group.bench_function("no packet of this protocol", |bencher| {
        bencher.iter(|| bench.refused(&noise, HandshakeCause::Malformed));
    });
    group.bench_function("a wrong length", |bencher| {
        bencher.iter(|| bench.refused(short, HandshakeCause::WrongDoor));
    });
    group.bench_function("a wrong door", |bencher| {
        bencher.iter(|| bench.refused(&wrong_door, HandshakeCause::WrongDoor));
    });
    bench.press();
    let mut forged = vec![0; Kind::Cookied.packet_bytes(Suite::X3dhHybrid).unwrap()];
    forged[0] = Kind::Cookied.byte();
    let start = forged.len() - bench.first.len();
    forged[start..].copy_from_slice(&bench.first);
    group.bench_function("under load: a wrong door", |bencher| {
        bencher.iter(|| bench.refused(&wrong_door, HandshakeCause::WrongDoor));
    });
    group.bench_function("under load: a forged cookie", |bencher| {
        bencher.iter(|| bench.refused(&forged, HandshakeCause::BadCookie));
    });
    let mut rng = StdRng::seed_from_u64(2);
    group.bench_function("under load: a challenge to a right door", |bencher| {
        bencher.iter(|| {
            let mut inbound = Inbound::new(&bench.path, bench.now.instant + Duration::from_secs(10));
            let step = inbound.handle_packet(bench.now, &bench.first, (&bench.keys, &bench.admittance));
            assert!(matches!(step, Step::Challenge));
            inbound.challenge(&bench.first, &bench.keys, &bench.admittance.demand, &mut rng).unwrap();
            assert!(inbound.poll_transmit().is_some());
        });
    });
    let calm = Bench::new(true);
    group.bench_function("for comparison: a first packet of a member, up to its proof", |bencher| {
        bencher.iter(|| assert!(matches!(calm.receive(&calm.first), Step::Wait)));
    });
    group.finish();
}

fn guard(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("guard");
    let mut rng = StdRng::seed_from_u64(1);
    let start = Instant::now();
    let mut guard = Guard::new(start, &GuardConfig::default(), &mut rng);
    let source = |number: u64| {
        let (mut host, mut network) = ([0; 16], [0; 16]);
        host[..8].copy_from_slice(&number.to_be_bytes());
        network[..7].copy_from_slice(&number.to_be_bytes()[..7]);
        Source { host, network }
    };
    let mut number = 0_u64;
    group.bench_function("a connection from a new address", |bencher| {
        bencher.iter(|| {
            number += 1;
            let now = start + Duration::from_micros(10 * number);
            guard.enter(now, &source(number)).is_ok()
        });
    });
    let mut now = start + Duration::from_secs(3_600);
    while guard.refused(now, &source(0), &HandshakeCause::BadCookie).is_none() {}
    group.bench_function("a connection under a penalty", |bencher| {
        bencher.iter(|| assert!(guard.enter(now, &source(0)).is_err()));
    });
    now += Duration::from_secs(3_600);
    group.bench_function("a turn: reserved, and settled", |bencher| {
        bencher.iter(|| {
            now += Duration::from_micros(300);
            guard.reserve(now);
            let demand = guard.demand(now, &mut rng);
            guard.settle(now, Duration::from_micros(2));
            demand
        });
    });
    group.finish();
}

criterion_group!(benches, admission, guard);
criterion_main!(benches);
