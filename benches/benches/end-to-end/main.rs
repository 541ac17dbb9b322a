//! The whole, end to end on loopback, beside plain TCP and mutual TLS 1.3, in one run.
//!
//! `cargo bench -p benches --bench end-to-end -- [MODE]… [STACK]… [--rounds N] [--quick]` prints one Markdown table: medians over
//! the rounds, in brackets the ratio to mutual TLS (`conclave actors`, for a profiler, leaves the others out). The order of the stacks rotates from round to round. Both ends of all
//! modes but `idle` and `processes` live in this one process, on one tokio runtime with two workers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, unreachable_pub)]

mod actors;
mod conclave;
mod idle;
mod measure;
mod processes;
mod stream;
mod table;

use measure::Sample;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 1 MiB messages of random bytes, between actors as a `Blob`, until the receiver says that it has them all.
    Bulk,
    /// 64 bytes there and back, one after the other.
    RoundTrip,
    /// 64-byte messages one way, until the receiver says that it has them all.
    Rate,
    /// Connect, handshake, 64 bytes there and back, close; one after the other.
    Connect,
    /// 64 bytes there and back between two processes.
    Processes,
    /// 64-byte messages from one actor to another of the same node, until it says that it has them all.
    Local,
    /// Memory of the accepting process per session that does nothing.
    Idle,
}

/// What it is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// tokio TCP with 4-byte length frames: the floor.
    Tcp,
    /// tokio-rustls over aws-lc-rs, client certificates, TLS 1.3 with X25519 and AES-256-GCM.
    Tls,
    /// Two nodes, hybrid suite, AES-256-GCM.
    Conclave,
    /// Typed messages between actors of two such nodes.
    Actors,
}

impl Stack {
    /// The modes that mean something on it.
    fn plays(self, mode: Mode) -> bool {
        match (mode, self) {
            (Mode::Local, stack) => stack == Stack::Actors,
            (Mode::Bulk | Mode::RoundTrip | Mode::Rate | Mode::Processes | Mode::Idle, _) => true,
            (_, stack) => stack != Stack::Actors,
        }
    }
}

/// How much of each mode.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub bulk_messages: usize,
    pub round_trips: usize,
    pub rate_messages: usize,
    pub connects: usize,
    pub idle_sessions: usize,
}

pub const BULK_MESSAGE_BYTES: usize = 1 << 20;
pub const SMALL_MESSAGE_BYTES: usize = 64;
const FULL: Load = Load {
    bulk_messages: 1024,
    round_trips: 20_000,
    rate_messages: 2_000_000,
    connects: 500,
    idle_sessions: 2_000,
};
const QUICK: Load =
    Load { bulk_messages: 64, round_trips: 1_000, rate_messages: 100_000, connects: 20, idle_sessions: 50 };
const STACKS: [(&str, Stack); 4] =
    [("tcp", Stack::Tcp), ("tls", Stack::Tls), ("conclave", Stack::Conclave), ("actors", Stack::Actors)];
const MODES: [(&str, Mode); 7] = [
    ("bulk", Mode::Bulk),
    ("rtt", Mode::RoundTrip),
    ("rate", Mode::Rate),
    ("processes", Mode::Processes),
    ("local", Mode::Local),
    ("connect", Mode::Connect),
    ("idle", Mode::Idle),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == idle::SERVER) {
        return idle::serve(&arguments[1..]);
    }
    if arguments.first().is_some_and(|first| first == processes::SERVER) {
        return processes::serve(&arguments[1..]);
    }
    let quick = arguments.iter().any(|argument| argument == "--quick" || argument == "--test");
    let rounds = arguments.iter().position(|argument| argument == "--rounds");
    let rounds = rounds.map_or(if quick { 1 } else { 5 }, |at| arguments[at + 1].parse().unwrap());
    let is_named = |name: &str| arguments.iter().any(|argument| argument == name);
    let named: Vec<_> = MODES.iter().filter(|(name, _)| is_named(name)).collect();
    let modes = if named.is_empty() { MODES.iter().collect() } else { named };
    let all = !STACKS.iter().any(|(name, _)| is_named(name));
    let plays = |&(name, stack): &(&str, Stack), mode: Mode| (all || is_named(name)) && stack.plays(mode);
    let load = if quick { QUICK } else { FULL };

    println!("{}\n", table::machine());
    println!("{}", table::head());
    for &&(_, mode) in &modes {
        let mut samples: [Vec<Sample>; STACKS.len()] = Default::default();
        for round in 0..rounds {
            for turn in 0..STACKS.len() {
                let which = (round + turn) % STACKS.len();
                if plays(&STACKS[which], mode) {
                    samples[which].push(run(mode, STACKS[which].1, &load));
                }
            }
        }
        println!("{}", table::rows(mode, &samples));
    }
}

fn run(mode: Mode, stack: Stack, load: &Load) -> Sample {
    if mode == Mode::Idle {
        return idle::measure(stack, load.idle_sessions);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let load = *load;
    let sample = runtime.block_on(async move {
        // On a worker, as the peers of a server would be, and not on this thread.
        tokio::spawn(async move {
            match (mode, stack) {
                (Mode::Processes, _) => processes::run(stack, &load).await,
                (Mode::Local, _) => actors::local(&load).await,
                (_, Stack::Tcp) => stream::run(mode, &load, None).await,
                (_, Stack::Tls) => {
                    stream::run(mode, &load, Some(benches::Tls::new(benches::KeyExchange::X25519))).await
                }
                (_, Stack::Conclave) => conclave::run(mode, &load).await,
                (_, Stack::Actors) => actors::run(mode, &load).await,
            }
        })
        .await
        .unwrap()
    });
    runtime.shutdown_background();
    sample
}
