//! The data plane alone, no socket: what sending, sealing, opening and delivering cost together.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use chunk_proto::{Deflater, NodeBudget};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use link::{
    BufferPool, Event, Limits, MESSAGE_COST_BYTES, Meter, PeerLimits, Rx, StreamId, StreamName,
    StreamOptions, Tx,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secure_channel::{Association, PathNumber, Role, SessionSecrets, Suite, Tag, TrafficAead, split};

struct Pipe {
    tx: Tx,
    rx: Rx,
    back: Tx,
    back_rx: Rx,
    stream: StreamId,
    meter: Option<Meter>,
    pool: BufferPool,
    deflater: Deflater,
    rng: StdRng,
    now: Instant,
    arrived: usize,
}

impl Pipe {
    fn new() -> Self {
        let end = |role, local, remote| {
            let association = Association {
                secrets: SessionSecrets::dangerous_from_bytes(&[7; 128]),
                role,
                suite: Suite::X3dhHybrid,
                aead: TrafficAead::Aes256Gcm,
                local_tag: Tag(local),
                remote_tag: Tag(remote),
            };
            split(association, Default::default()).unwrap()
        };
        let limits = Limits::default();
        let peer = PeerLimits {
            session_window_bytes: limits.session_window_bytes,
            stream_window_bytes: limits.stream_window_bytes,
        };
        let (now, pool) = (Instant::now(), BufferPool::default());
        let budget = NodeBudget::new(256 << 20);
        let (sealer, opener, rekey) = end(Role::Initiator, 1, 2);
        let (back_sealer, back_opener, back_rekey) = end(Role::Responder, 2, 1);
        let mut tx = Tx::new(sealer, PathNumber(0), limits, peer, true, pool.clone());
        let back = Tx::new(back_sealer, PathNumber(0), limits, peer, false, pool.clone());
        let rx = Rx::new(now, back_opener, back_rekey, limits, budget.clone());
        let back_rx = Rx::new(now, opener, rekey, limits, budget);
        let stream = tx.open_stream(&StreamName::new("bench").unwrap(), StreamOptions::default()).unwrap();
        Self {
            tx,
            rx,
            back,
            back_rx,
            stream,
            meter: None,
            pool,
            deflater: Deflater::default(),
            rng: StdRng::seed_from_u64(1),
            now,
            arrived: 0,
        }
    }

    fn flow(&mut self) {
        while let Some(job) = self.tx.poll_transmit() {
            let sealed = job.seal(&mut self.deflater).unwrap();
            let packet = BytesMut::from(&sealed.buffer.as_slice()[sealed.range.clone()]);
            self.pool.give(sealed.buffer);
            self.rx.handle_packet(self.now, &mut self.rng, packet).unwrap();
            self.deliver();
        }
        self.rx.handle_consumed();
        self.back.apply(self.rx.feedback());
        while let Some(job) = self.back.poll_transmit() {
            let sealed = job.seal(&mut self.deflater).unwrap();
            let packet = BytesMut::from(&sealed.buffer.as_slice()[sealed.range.clone()]);
            self.pool.give(sealed.buffer);
            self.back_rx.handle_packet(self.now, &mut self.rng, packet).unwrap();
            self.tx.apply(self.back_rx.feedback());
        }
        while self.tx.poll_event().is_some() {}
    }

    fn deliver(&mut self) {
        while let Some(event) = self.rx.poll_event() {
            let cost = match event {
                Event::Opened { meter, .. } => {
                    self.meter = Some(meter);
                    0
                }
                Event::Messages { batch, .. } => {
                    let cost = batch.cost();
                    self.arrived += batch.count();
                    cost
                }
                Event::Piece { bytes, .. } => u64::try_from(bytes.len()).unwrap(),
                Event::Finished { .. } => {
                    self.arrived += 1;
                    MESSAGE_COST_BYTES
                }
                _ => 0,
            };
            if let Some(meter) = &self.meter {
                let _ = meter.consume(cost);
            }
        }
    }
}

fn link(c: &mut Criterion) {
    let mut group = c.benchmark_group("link");
    let small = Bytes::from(vec![7; 64]);
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("send only, 1,000 of 64 B", |b| {
        let mut pipe = Pipe::new();
        b.iter_custom(|rounds| {
            let mut spent = std::time::Duration::ZERO;
            for _ in 0..rounds {
                let started = Instant::now();
                for _ in 0..1_000 {
                    pipe.tx.try_send(pipe.stream, &small, false).unwrap();
                }
                spent += started.elapsed();
                pipe.flow();
            }
            spent
        });
    });
    group.bench_function("send, seal, open, deliver, 1,000 of 64 B", |b| {
        let mut pipe = Pipe::new();
        b.iter(|| {
            for _ in 0..1_000 {
                pipe.tx.try_send(pipe.stream, &small, false).unwrap();
            }
            pipe.flow();
        });
        assert_eq!(pipe.arrived % 1_000, 0);
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("send, seal, open, deliver, one of 64 B", |b| {
        let mut pipe = Pipe::new();
        b.iter(|| {
            pipe.tx.try_send(pipe.stream, &small, false).unwrap();
            pipe.flow();
        });
    });
    let large = Bytes::from(
        (0..1u32 << 20).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect::<Vec<_>>(),
    );
    group.throughput(Throughput::Bytes(1 << 20));
    group.bench_function("send, seal, open, deliver, 1 MiB", |b| {
        let mut pipe = Pipe::new();
        b.iter(|| {
            pipe.tx.try_send(pipe.stream, &large, false).unwrap();
            pipe.flow();
        });
    });
    group.finish();
}

criterion_group!(benches, link);
criterion_main!(benches);
