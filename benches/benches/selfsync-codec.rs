//! The codec: frames of 64,259 bytes (the most that is encoded in place) against copying them, and of 100 bytes.
//!
//! ```sh
//! cargo xtask bench --bench selfsync-codec
//! ```
//!
//! **Method.** Encoding in place destroys the body and decoding in place the frame, so neither can be repeated on the
//! same bytes, and data must not be in a nearer cache for one contestant than for the other. Hence every measured pass
//! runs over a ring of buffers that were all written just before, untimed, as a cipher or a socket would have left
//! them; the pass over the whole ring is timed. Copying is measured in the same way: from the freshly written buffers
//! to a second ring of the same size. A ring of one is the worst case for the codec, since both buffers of a copy stay
//! in the second-level cache; a ring of eight is what one connection has in flight.
//!
//! Bodies are random, so that about one in 65,536 pairs of bytes is a marker, and full first runs move.
//!
//! Criterion gives each figure by itself. The ratios to copying come last: there the contestants take turns, pass by
//! pass, so that whatever else the machine does meets all of them alike, and the medians are compared.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use criterion::{Criterion, Throughput};
use selfsync_codec::{
    Config, Decoder, Encoder, HEADROOM, MAX_BODY_IN_PLACE, Scan, TAILROOM, Trailer, max_encoded_len,
};

const SMALL_BODY: usize = 100;

/// Small frames decoded from one buffer, as after a read of 64 KiB.
const SMALL_FRAMES: usize = 600;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for ring in [1, 8] {
        large(&mut criterion, ring);
    }
    small(&mut criterion);
    criterion.final_summary();
    // Under `cargo test` criterion only tries whether everything runs.
    if std::env::args().any(|argument| argument == "--bench") {
        print_ratios();
    }
}

/// What is done to each buffer of a ring.
#[derive(Clone, Copy)]
enum Contestant {
    Copy,
    EncodeInPlace,
    Encode,
    EncodeWithChecksum,
    DecodeTrusting,
    DecodeScanning,
    DecodeWithChecksum,
}

use Contestant::*;

impl Contestant {
    const ALL: [Self; 7] =
        [Copy, EncodeInPlace, Encode, EncodeWithChecksum, DecodeTrusting, DecodeScanning, DecodeWithChecksum];

    fn name(self) -> &'static str {
        match self {
            Copy => "copy",
            EncodeInPlace => "encode in place",
            Encode => "encode",
            EncodeWithChecksum => "encode with checksum",
            DecodeTrusting => "decode trusting lengths",
            DecodeScanning => "decode scanning",
            DecodeWithChecksum => "decode scanning with checksum",
        }
    }

    fn decoder(self) -> Option<Decoder> {
        let mut config = Config::line(MAX_BODY_IN_PLACE);
        (config.scan, config.trailer) = match self {
            DecodeTrusting => (Scan::AfterDamage, Trailer::None),
            DecodeScanning => (Scan::Always, Trailer::None),
            DecodeWithChecksum => (Scan::Always, Trailer::Crc32c),
            _ => return None,
        };
        Some(Decoder::new(config))
    }

    fn trailer(self) -> Trailer {
        match self {
            EncodeWithChecksum | DecodeWithChecksum => Trailer::Crc32c,
            _ => Trailer::None,
        }
    }
}

/// Buffers that one contestant works on, and what they are freshly filled with.
struct Ring {
    contestant: Contestant,
    encoder: Encoder,
    decoder: Option<Decoder>,
    /// What each buffer holds at the beginning of a pass.
    fresh: Vec<Vec<u8>>,
    buffers: Vec<BytesMut>,
    out: Vec<BytesMut>,
}

impl Ring {
    fn new(contestant: Contestant, len: usize) -> Self {
        let encoder = Encoder::new(contestant.trailer());
        let decoder = contestant.decoder();
        let fresh = |index: usize| {
            let body = random(MAX_BODY_IN_PLACE, index as u64 + 1);
            if decoder.is_some() {
                let mut frame = BytesMut::new();
                encoder.encode(&body, &mut frame);
                frame.to_vec()
            } else {
                [&[0; HEADROOM][..], &body, &[0; TAILROOM]].concat()
            }
        };
        let out = vec![BytesMut::zeroed(max_encoded_len(MAX_BODY_IN_PLACE + 4)); len];
        Self {
            contestant,
            fresh: (0..len).map(fresh).collect(),
            buffers: vec![BytesMut::new(); len],
            out,
            encoder,
            decoder,
        }
    }

    /// Writes the ring anew, then times the work on all of its buffers.
    fn pass(&mut self) -> Duration {
        for (buffer, fresh) in self.buffers.iter_mut().zip(&self.fresh) {
            buffer.clear();
            // Takes the memory back that decoded bodies shared, or allocates it.
            buffer.reserve(fresh.len());
            buffer.extend_from_slice(fresh);
        }
        let body = HEADROOM..HEADROOM + MAX_BODY_IN_PLACE;
        let start = Instant::now();
        for (buffer, out) in self.buffers.iter_mut().zip(&mut self.out) {
            match (self.contestant, &mut self.decoder) {
                (_, Some(decoder)) => {
                    let body = decoder.next_frame(buffer).unwrap().unwrap();
                    black_box(&body);
                }
                (Copy, _) => out[..MAX_BODY_IN_PLACE].copy_from_slice(&buffer[body.clone()]),
                (EncodeInPlace, _) => {
                    black_box(self.encoder.encode_in_place(buffer, body.clone()).unwrap());
                }
                _ => {
                    out.clear();
                    self.encoder.encode(&buffer[body.clone()], out);
                }
            }
            black_box((buffer, out));
        }
        start.elapsed()
    }
}

fn large(criterion: &mut Criterion, ring_len: usize) {
    let mut group = criterion.benchmark_group(format!("selfsync-codec/64 KiB/ring of {ring_len}"));
    group.throughput(Throughput::Bytes((MAX_BODY_IN_PLACE * ring_len) as u64));
    for contestant in Contestant::ALL {
        let mut ring = Ring::new(contestant, ring_len);
        group.bench_function(contestant.name(), |bencher| {
            bencher.iter_custom(|passes| (0..passes).map(|_| ring.pass()).sum());
        });
    }
    group.finish();
}

/// Small frames. Those without a marker inside do not change when encoded in place, so encoding needs no ring.
fn small(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("selfsync-codec/100 bytes");
    group.throughput(Throughput::Elements(1));
    let body = vec![0x55; SMALL_BODY];

    let encoder = Encoder::new(Trailer::None);
    let mut buffer = [&[0; HEADROOM][..], &body, &[0; TAILROOM]].concat();
    group.bench_function("encode in place", |bencher| {
        bencher.iter(|| encoder.encode_in_place(black_box(&mut buffer), HEADROOM..HEADROOM + SMALL_BODY));
    });
    for contestant in [Encode, EncodeWithChecksum] {
        let encoder = Encoder::new(contestant.trailer());
        let mut out = BytesMut::with_capacity(1024);
        group.bench_function(contestant.name(), |bencher| {
            bencher.iter(|| {
                out.clear();
                encoder.encode(black_box(&body), &mut out);
                black_box(&mut out);
            });
        });
    }
    for contestant in [DecodeTrusting, DecodeScanning, DecodeWithChecksum] {
        let mut stream = BytesMut::new();
        let encoder = Encoder::new(contestant.trailer());
        (0..SMALL_FRAMES).for_each(|_| encoder.encode(&body, &mut stream));
        let mut decoder = contestant.decoder().unwrap();
        group.bench_function(contestant.name(), |bencher| {
            bencher.iter_custom(|frames| {
                let mut elapsed = Duration::ZERO;
                let mut left = frames;
                while left > 0 {
                    let mut input = BytesMut::from(&stream[..]);
                    let count = left.min(SMALL_FRAMES as u64);
                    let start = Instant::now();
                    for _ in 0..count {
                        black_box(decoder.next_frame(&mut input).unwrap().unwrap());
                    }
                    elapsed += start.elapsed();
                    left -= count;
                }
                elapsed
            });
        });
    }
    group.finish();
}

/// The contestants in turns, and their medians against that of copying.
fn print_ratios() {
    const PASSES: usize = 2_001;
    println!(
        "\nspeed as a multiple of copying the same 64,259 bytes, contestants in turns, medians of {PASSES}:"
    );
    for ring_len in [1, 8] {
        let mut rings = Contestant::ALL.map(|contestant| Ring::new(contestant, ring_len));
        let mut times = Contestant::ALL.map(|_| Vec::with_capacity(PASSES));
        for _ in 0..PASSES {
            for (ring, times) in rings.iter_mut().zip(&mut times) {
                times.push(ring.pass());
            }
        }
        let medians = times.map(|mut times| {
            times.sort_unstable();
            times[PASSES / 2]
        });
        for (contestant, median) in Contestant::ALL.into_iter().zip(medians) {
            let gigabytes = (MAX_BODY_IN_PLACE * ring_len) as f64 / median.as_nanos() as f64;
            let ratio = medians[0].as_secs_f64() / median.as_secs_f64();
            println!("  ring of {ring_len}: {:31} {gigabytes:7.1} GB/s  {ratio:6.2}", contestant.name());
        }
    }
}

fn random(len: usize, mut seed: u64) -> Vec<u8> {
    let next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(len).collect()
}
