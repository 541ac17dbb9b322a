//! What the control plane costs beside the handshakes: a dial, an acceptance, a look at idle sessions, all among two
//! thousand peers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use endpoint::{
    Action, Config, Endpoint, IDLE_TIMEOUT, Now, PathCause, PathFacts, PathId, PeerId, Proof, Urgency,
    WaiterId,
};
use membership::{
    Card, Credential, DeviceKey, Door, Identity, MAX_MEMBERS, Members, NetAddress, Record, UnixSeconds,
};
use rand::{SeedableRng, rngs::StdRng};
use x3dh_handshake::BootId;

const PEERS: usize = 2_000;
const _: () = assert!(PEERS < MAX_MEMBERS);

struct Bench {
    endpoint: Endpoint,
    peers: Vec<(PeerId, Credential)>,
    now: Now,
    rng: StdRng,
    counter: u64,
}

impl Bench {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let mut members = Members::new();
        let mut peers = Vec::new();
        for _ in 0..PEERS {
            let (identity, device) = (Identity::generate(&mut rng), DeviceKey::generate(&mut rng).unwrap());
            let record = Record::issue(&identity, device.id(), device.key(), UnixSeconds::MAX).unwrap();
            peers.push((PeerId { identity: identity.key(), device: device.key() }, record.to_credential()));
            let addresses = vec![NetAddress::new("192.0.2.1:1").unwrap()];
            members
                .add(&Card::new(vec![record], Door::generate(&mut rng), addresses, None).unwrap())
                .unwrap();
        }
        let us = PeerId {
            identity: Identity::generate(&mut rng).key(),
            device: DeviceKey::generate(&mut rng).unwrap().key(),
        };
        let now = Now { instant: Instant::now(), date: UnixSeconds::new(1_000).unwrap() };
        let endpoint = Endpoint::new(Config::default(), us, Arc::new(members), &mut rng);
        Self { endpoint, peers, now, rng, counter: 0 }
    }

    fn facts() -> PathFacts {
        PathFacts {
            kind: "bench",
            reliable: true,
            mtu_bytes: 65_536,
            remote: NetAddress::new("192.0.2.1:1").unwrap(),
        }
    }

    fn drain(&mut self) {
        while self.endpoint.poll_action().is_some() {}
    }

    /// From the wish for a session to the session.
    fn dial(&mut self, peer: PeerId) -> PathId {
        self.counter += 1;
        self.endpoint.connect(self.now, peer.into(), Urgency::Prompt, WaiterId(self.counter)).unwrap();
        let Some(Action::Dial { attempt, .. }) = self.endpoint.poll_action() else { panic!("a dial") };
        let path =
            self.endpoint.path_opened(self.now, attempt, Self::facts(), self.counter, &mut self.rng).unwrap();
        self.endpoint.established(self.now, path, BootId([1; 16]));
        self.drain();
        path
    }

    /// From an accepted path to the session.
    fn accept(&mut self, (peer, credential): (PeerId, Credential)) -> PathId {
        self.counter += 1;
        let path = self.endpoint.accept(self.now, Self::facts()).unwrap().path;
        let (device, counter, boot) = (peer.device, self.counter, BootId([1; 16]));
        self.endpoint.admit(
            self.now,
            path,
            Proof { device, credential, counter, boot, ticket: None },
            &mut self.rng,
        );
        let Some(Action::Answer { admission, .. }) = self.endpoint.poll_action() else { panic!("an answer") };
        self.endpoint.confirmed(self.now, admission.session);
        self.drain();
        path
    }

    /// Two seconds later, as a session that ends at once delays the next dial.
    fn lose(&mut self, path: PathId) {
        self.now.instant += 2 * endpoint::MIN_DIAL_INTERVAL;
        self.endpoint.path_lost(self.now, path, PathCause::Closed);
        self.drain();
    }
}

fn control_plane(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("endpoint");
    let mut bench = Bench::new();
    let mut turn = (0..PEERS).cycle();
    group.bench_function("dial, session, loss", |bencher| {
        bencher.iter(|| {
            let peer = bench.peers[turn.next().unwrap()].0;
            let path = bench.dial(peer);
            bench.lose(path);
        });
    });
    group.bench_function("accept, session, loss", |bencher| {
        bencher.iter(|| {
            let peer = bench.peers[turn.next().unwrap()];
            let path = bench.accept(peer);
            bench.lose(path);
        });
    });

    for peer in bench.peers.clone() {
        bench.accept(peer);
    }
    group.bench_function("a look at 2,000 sessions in use", |bencher| {
        bencher.iter(|| {
            bench.now.instant += IDLE_TIMEOUT;
            bench.endpoint.handle_timeout(bench.now);
            while let Some(action) = bench.endpoint.poll_action() {
                let Action::CheckIdle { session } = action else { panic!("{action:?}") };
                bench.endpoint.session_used(bench.now, session, bench.now.instant);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, control_plane);
criterion_main!(benches);
