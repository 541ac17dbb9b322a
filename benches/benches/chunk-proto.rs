//! What chunking costs: cut, header written and read, reassembled; raw, compressible and incompressible.
#![allow(missing_docs, clippy::unwrap_used, clippy::as_conversions)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chunk_proto::{
    Chunk, ChunkHeader, ChunkOptions, Chunker, Coding, Compression, DEFAULT_CHUNK_BYTES, Deflater, Event,
    Limits, MessageId, NodeBudget, Outline, Reassembler,
};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

const MESSAGE_BYTES: usize = 16 << 20;

fn random(length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(1).fill_bytes(&mut bytes);
    bytes.into()
}

/// Lines of JSON, as from a log or an interface.
fn json(length: usize) -> Bytes {
    let mut rng = StdRng::seed_from_u64(2);
    let mut text = String::with_capacity(length + 200);
    let mut id = 0;
    while text.len() < length {
        id += 1;
        let (user, amount, ok) =
            (rng.random_range(0..5_000), rng.random_range(0..6_400_000), rng.random::<bool>());
        let at = 1_700_000_000 + id * 3;
        writeln!(text, r#"{{"id":{id},"user":"user{user}","amount":{amount},"ok":{ok},"at":{at}}}"#).unwrap();
    }
    Bytes::from(text).slice(..length)
}

/// Both ends of one direction, with a packet's worth of room for headers between them.
struct Ends {
    deflater: Deflater,
    reassembler: Reassembler,
    next: u64,
    wire: BytesMut,
    now: Instant,
}

impl Ends {
    fn new() -> Self {
        Self {
            deflater: Deflater::default(),
            reassembler: Reassembler::new(Limits::default(), NodeBudget::default()),
            next: 0,
            wire: BytesMut::with_capacity(64),
            now: Instant::now(),
        }
    }

    fn chunker(&mut self, message: &Bytes, options: &ChunkOptions) -> Chunker {
        self.next += 1;
        Chunker::whole(MessageId(self.next), message.clone(), options).unwrap()
    }

    /// The header over the wire, the payload beside it, and all that the reassembler has to say.
    fn deliver(&mut self, chunk: Chunk) -> u64 {
        self.wire.clear();
        chunk.header.encode(&mut self.wire);
        let (header, _) = ChunkHeader::decode(&self.wire).unwrap();
        self.reassembler.accept(self.now, header, chunk.payload).unwrap();
        let mut received = 0;
        while let Some(event) = self.reassembler.poll_event() {
            if let Event::Piece { bytes, .. } = black_box(event) {
                received += bytes.len() as u64;
            }
        }
        received
    }

    fn pass(&mut self, message: &Bytes, options: &ChunkOptions) {
        let mut chunker = self.chunker(message, options);
        let mut received = 0;
        while let Some(chunk) = chunker.next_chunk(&mut self.deflater) {
            received += self.deliver(chunk);
        }
        assert_eq!(received, message.len() as u64);
    }

    /// Two and two chunks in the wrong order, as from two cores that seal and open.
    fn pass_swapped(&mut self, message: &Bytes, options: &ChunkOptions) {
        let mut chunker = self.chunker(message, options);
        let mut received = 0;
        while let Some(first) = chunker.next_chunk(&mut self.deflater) {
            if let Some(second) = chunker.next_chunk(&mut self.deflater) {
                received += self.deliver(second);
            }
            received += self.deliver(first);
        }
        assert_eq!(received, message.len() as u64);
    }
}

fn options(compression: Compression) -> ChunkOptions {
    ChunkOptions { compression, ..ChunkOptions::default() }
}

fn group<'a>(criterion: &'a mut Criterion, name: &str, bytes: usize) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes as u64)).measurement_time(Duration::from_secs(3));
    group
}

/// Raw chunks are never copied in order, so this is the cost per chunk: compare with 4,900 ns that AES-256-GCM takes
/// for 64,000 bytes at 13 GB/s.
fn raw(criterion: &mut Criterion) {
    let message = random(MESSAGE_BYTES);
    let mut group = group(criterion, "chunk/raw", MESSAGE_BYTES);
    for chunk_bytes in [4_000, 16_000, 32_000, DEFAULT_CHUNK_BYTES] {
        let options = ChunkOptions { chunk_bytes, ..ChunkOptions::default() };
        group.bench_function(BenchmarkId::new("in order", chunk_bytes), |bencher| {
            let mut ends = Ends::new();
            bencher.iter(|| ends.pass(&message, &options));
        });
    }
    group.bench_function("pairs swapped", |bencher| {
        let mut ends = Ends::new();
        bencher.iter(|| ends.pass_swapped(&message, &ChunkOptions::default()));
    });
}

/// What looking costs where there is nothing to gain: whole messages of random bytes, `Never` against `Auto`.
fn incompressible(criterion: &mut Criterion) {
    for length in [64_000, 1 << 20, MESSAGE_BYTES] {
        let message = random(length);
        let mut group = group(criterion, "chunk/incompressible", length);
        for compression in [Compression::Never, Compression::Auto] {
            group.bench_function(BenchmarkId::new(format!("{compression:?}"), length), |bencher| {
                let mut ends = Ends::new();
                bencher.iter(|| ends.pass(&message, &options(compression)));
            });
        }
    }
}

/// Deflate and inflate, per level and per chunk size.
fn compressible(criterion: &mut Criterion) {
    let message = json(1 << 20);
    let mut group = group(criterion, "chunk/compressible", message.len());
    let sizes = [16_000, 32_000, DEFAULT_CHUNK_BYTES].map(|chunk_bytes| (2, chunk_bytes));
    for (level, chunk_bytes) in [(1, DEFAULT_CHUNK_BYTES), (3, DEFAULT_CHUNK_BYTES)].into_iter().chain(sizes)
    {
        let options = ChunkOptions { chunk_bytes, ..options(Compression::Auto) };
        let mut deflater = Deflater::new(level);
        let mut cut = || {
            let mut chunker = Chunker::whole(MessageId(1), message.clone(), &options).unwrap();
            std::iter::from_fn(|| chunker.next_chunk(&mut deflater)).collect::<Vec<_>>()
        };
        let sent: usize = cut().iter().map(|chunk| chunk.payload.len()).sum();
        let ratio = message.len() as f64 / sent as f64;
        let name = format!("level {level}, {chunk_bytes} bytes, ratio {ratio:.2}");
        group.bench_function(BenchmarkId::new("deflate", &name), |bencher| bencher.iter(&mut cut));
        let chunks = cut();
        group.bench_function(BenchmarkId::new("inflate", &name), |bencher| {
            bencher.iter(|| {
                let mut ends = Ends::new();
                chunks.iter().map(|chunk| ends.deliver(chunk.clone())).sum::<u64>()
            });
        });
    }
}

/// Messages of one small chunk.
fn small(criterion: &mut Criterion) {
    let message = random(64);
    let mut group = criterion.benchmark_group("chunk/small");
    group.throughput(Throughput::Elements(1));
    group.bench_function("64 bytes", |bencher| {
        let mut ends = Ends::new();
        bencher.iter(|| ends.pass(&message, &ChunkOptions::default()));
    });
    group.bench_function("header", |bencher| {
        let outline = Outline::new(1 << 30, DEFAULT_CHUNK_BYTES).unwrap();
        let header = ChunkHeader::new(MessageId(1_000), 9_000, outline, Coding::Raw).unwrap();
        let mut wire = BytesMut::with_capacity(64);
        bencher.iter(|| {
            wire.clear();
            black_box(&header).encode(&mut wire);
            ChunkHeader::decode(&wire).unwrap()
        });
    });
}

criterion_group!(benches, raw, incompressible, compressible, small);
criterion_main!(benches);
