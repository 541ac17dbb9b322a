//! Sealing and opening beside the bare cipher of the same library, with one key for all packets.
//!
//! After criterion's own figures a table compares medians of rounds in which both took turns.
#![allow(clippy::unwrap_used, clippy::as_conversions, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use criterion::{BenchmarkId, Criterion, Throughput};
use secure_channel::{
    Association, HEADER_BYTES, Limits, OVERHEAD_BYTES, Opener, PathNumber, Role, Sealer, SessionSecrets,
    Suite, TAG_BYTES, Tag, TrafficAead, split,
};

const SIZES: [(&str, usize); 3] = [("64 B", 64), ("1 KiB", 1024), ("64 KiB", 65_536)];
const AEADS: [(&str, TrafficAead); 2] =
    [("AES-256-GCM", TrafficAead::Aes256Gcm), ("ChaCha20-Poly1305", TrafficAead::ChaCha20Poly1305)];
/// Records of `link` in front of a large payload.
const RECORD_BYTES: usize = 24;
const PATH: PathNumber = PathNumber(0);
const ROUNDS: usize = 201;

/// Sealed packets that all fit into the caches: opening one again needs sealing it again.
struct Bench {
    key: LessSafeKey,
    sealer: Sealer,
    opener: Opener,
    payload: Vec<u8>,
    packets: Vec<Vec<u8>>,
    number: u64,
}

impl Bench {
    fn new(aead: TrafficAead, size: usize) -> Self {
        let algorithm = match aead {
            TrafficAead::Aes256Gcm => &AES_256_GCM,
            _ => &CHACHA20_POLY1305,
        };
        let end = |role| {
            let secrets = SessionSecrets::dangerous_from_bytes(&[7; 128]);
            let (local_tag, remote_tag, suite) = (Tag(1), Tag(1), Suite::X3dhHybrid);
            split(Association { secrets, role, suite, aead, local_tag, remote_tag }, Limits::default())
                .unwrap()
        };
        let count = (262_144 / size).min(64);
        Self {
            key: LessSafeKey::new(UnboundKey::new(algorithm, &[9; 32]).unwrap()),
            sealer: end(Role::Initiator).0,
            opener: end(Role::Responder).1,
            payload: vec![0x5a; if size > 4096 { size - RECORD_BYTES } else { 0 }],
            packets: vec![vec![0x5a; size + OVERHEAD_BYTES]; count],
            number: 0,
        }
    }

    fn nonce(number: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&number.to_le_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal_bare(&mut self) {
        for packet in &mut self.packets {
            let (header, body) = packet.split_at_mut(HEADER_BYTES);
            let (text, tag) = body.split_at_mut(body.len() - TAG_BYTES);
            self.number += 1;
            let made = self.key.seal_in_place_separate_tag(Self::nonce(self.number), Aad::from(header), text);
            tag.copy_from_slice(made.unwrap().as_ref());
        }
        black_box(&mut self.packets);
    }

    fn open_bare(&mut self) {
        let first = self.number - self.packets.len() as u64;
        for (number, packet) in (first + 1..).zip(&mut self.packets) {
            let (header, body) = packet.split_at_mut(HEADER_BYTES);
            let (text, tag) = body.split_at_mut(body.len() - TAG_BYTES);
            self.key.open_in_place_separate_tag(Self::nonce(number), Aad::from(header), tag, text).unwrap();
        }
        black_box(&mut self.packets);
    }

    fn seal_ours(&mut self) {
        for packet in &mut self.packets {
            self.sealer.reserve(PATH).unwrap().seal(packet, &self.payload).unwrap();
        }
        black_box(&mut self.packets);
    }

    fn open_ours(&mut self) {
        for packet in &mut self.packets {
            black_box(self.opener.open(packet).unwrap());
        }
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// What is measured: its name, what prepares a round, and what is timed.
type Case = (&'static str, fn(&mut Bench), fn(&mut Bench));
const CASES: [[Case; 2]; 2] = [
    [("seal, bare", |_| (), Bench::seal_bare), ("seal, ours", |_| (), Bench::seal_ours)],
    [("open, bare", Bench::seal_bare, Bench::open_bare), ("open, ours", Bench::seal_ours, Bench::open_ours)],
];

fn criterion_figures(criterion: &mut Criterion) {
    for (aead_name, aead) in AEADS {
        let mut group = criterion.benchmark_group(format!("secure-channel, {aead_name}"));
        for (size_name, size) in SIZES {
            let mut bench = Bench::new(aead, size);
            group.throughput(Throughput::Bytes((size * bench.packets.len()) as u64));
            for (name, prepare, work) in CASES.into_iter().flatten() {
                group.bench_function(BenchmarkId::new(name, size_name), |bencher| {
                    bencher.iter_custom(|rounds| {
                        let round = |_| {
                            prepare(&mut bench);
                            timed(|| work(&mut bench))
                        };
                        (0..rounds).map(round).sum()
                    });
                });
            }
        }
        group.finish();
    }
}

/// Medians of rounds in which the bare cipher and ours took turns, so that a busy machine hits both.
fn ratios() {
    println!("\n| medians of {ROUNDS} rounds in turn | bare | ours | bare / ours |\n|-|-:|-:|-:|");
    for (aead_name, aead) in AEADS {
        for (size_name, size) in SIZES {
            let mut bench = Bench::new(aead, size);
            for pair in CASES {
                let mut times = [Vec::new(), Vec::new()];
                for _ in 0..ROUNDS {
                    for ((_, prepare, work), times) in pair.iter().zip(&mut times) {
                        prepare(&mut bench);
                        times.push(timed(|| work(&mut bench)));
                    }
                }
                let [bare, ours] = times.map(|mut times| {
                    times.sort_unstable();
                    times[ROUNDS / 2].as_nanos() as f64 / bench.packets.len() as f64
                });
                let what = &pair[0].0[..4];
                println!(
                    "| {aead_name}, {what}, {size_name} | {bare:.0} ns | {ours:.0} ns | {:.2} |",
                    bare / ours
                );
            }
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    criterion_figures(&mut criterion);
    criterion.final_summary();
    ratios();
}
