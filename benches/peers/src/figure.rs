//! What a turn finds out.

use anyhow::{Context as _, Result};

use crate::mode::Mode;

/// One column of the table.
pub struct Figure {
    /// How a turn calls it.
    pub key: &'static str,
    /// How the table calls it.
    pub label: &'static str,
    /// How its value is written.
    pub write: fn(f64) -> String,
    /// The mode that finds it out.
    pub mode: Mode,
}

/// MiB of messages in a second.
pub const BULK_SPEED: Figure =
    Figure { key: "bulk-speed", label: "bulk MiB/s", write: |v| format!("{v:.0}"), mode: Mode::Bulk };
/// Processor time of both ends.
pub const BULK_CPU: Figure =
    Figure { key: "bulk-cpu", label: "bulk CPU s/GiB", write: |v| format!("{v:.3}"), mode: Mode::Bulk };
/// Half of the round trips take less.
pub const ASK_MEDIAN: Figure =
    Figure { key: "ask-p50", label: "ask p50 us", write: |v| format!("{v:.2}"), mode: Mode::RoundTrip };
/// One in a hundred takes longer.
pub const ASK_TAIL: Figure =
    Figure { key: "ask-p99", label: "ask p99 us", write: |v| format!("{v:.2}"), mode: Mode::RoundTrip };
/// Millions of small messages in a second.
pub const RATE: Figure = Figure { key: "rate", label: "64-byte sends M/s", write: small, mode: Mode::Rate };
/// Processor time of both ends.
pub const RATE_CPU: Figure =
    Figure { key: "rate-cpu", label: "CPU ns/send", write: |v| format!("{v:.0}"), mode: Mode::Rate };
/// Connections in a second.
pub const CONNECTS: Figure =
    Figure { key: "connects", label: "connects/s", write: |v| format!("{v:.0}"), mode: Mode::Connect };
/// Processor time of both ends.
pub const CONNECT_CPU: Figure =
    Figure { key: "connect-cpu", label: "CPU ms/connect", write: |v| format!("{v:.3}"), mode: Mode::Connect };
/// Resident memory of the accepting process.
pub const IDLE_HOST: Figure =
    Figure { key: "idle-host", label: "idle KiB, accepting", write: |v| format!("{v:.1}"), mode: Mode::Idle };
/// Resident memory of the dialing process.
pub const IDLE_DIALER: Figure =
    Figure { key: "idle-dialer", label: "idle KiB, dialing", write: |v| format!("{v:.1}"), mode: Mode::Idle };

/// Round trips in a second, of all sessions together.
pub const ASKS: Figure =
    Figure { key: "asks", label: "asks/s", write: |v| format!("{v:.0}"), mode: Mode::Growth };
/// Processor time of both ends.
pub const ASK_CPU: Figure =
    Figure { key: "ask-cpu", label: "CPU us/ask", write: |v| format!("{v:.2}"), mode: Mode::Growth };

/// The columns of growth.
pub const OF_GROWTH: [&Figure; 10] = [
    &IDLE_HOST,
    &IDLE_DIALER,
    &CONNECTS,
    &CONNECT_CPU,
    &ASKS,
    &ASK_CPU,
    &RATE,
    &RATE_CPU,
    &BULK_SPEED,
    &BULK_CPU,
];

/// All columns of the table.
pub const ALL: [&Figure; 10] = [
    &BULK_SPEED,
    &BULK_CPU,
    &ASK_MEDIAN,
    &ASK_TAIL,
    &RATE,
    &RATE_CPU,
    &CONNECTS,
    &CONNECT_CPU,
    &IDLE_HOST,
    &IDLE_DIALER,
];

fn small(value: f64) -> String {
    if value < 1.0 { format!("{value:.4}") } else { format!("{value:.2}") }
}

/// What one turn found out: keys of columns, and values.
#[derive(Debug, Clone, Default)]
pub struct Findings(Vec<(String, f64)>);

/// What a line with a finding begins with: a turn may print other things, too.
const MARK: &str = "found ";

impl Findings {
    /// Adds one.
    pub fn add(&mut self, figure: &Figure, value: f64) {
        self.0.push((figure.key.to_owned(), value));
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<f64> {
        self.0.iter().find_map(|(known, value)| (known == key).then_some(*value))
    }

    /// A line for each.
    pub fn print(&self) {
        for (key, value) in &self.0 {
            println!("{MARK}{key} {value}");
        }
    }

    /// Out of those lines.
    pub fn parse(text: &str) -> Result<Self> {
        let parse = |line: &str| {
            let (key, value) = line.split_once(' ').context("a finding without a value")?;
            Ok((key.to_owned(), value.parse()?))
        };
        let lines = text.lines().filter_map(|line| line.strip_prefix(MARK));
        Ok(Self(lines.map(parse).collect::<Result<_>>()?))
    }
}
