//! What happened in all runs together: a simulation in which nothing happens proves nothing.

use std::collections::BTreeMap;

use crate::run::Summary;

/// So many runs the numbers below are for; fewer must show as much fewer.
const RUNS: u64 = 500;

/// What must have happened in so many runs, and how often at least.
const EXPECTED: &[(&str, u64)] = &[
    ("begin.send", 2_000),
    ("begin.send-confirmed", 2_000),
    ("begin.pieces", 500),
    ("begin.tell", 500),
    ("begin.tell-confirmed", 500),
    ("begin.ask", 1_000),
    ("begin.lend", 300),
    ("begin.lent", 200),
    ("delivered", 8_000),
    ("op.send.ok", 1_000),
    ("op.send-confirmed.ok", 1_000),
    ("op.send-confirmed.failed", 200),
    ("op.pieces.ok", 200),
    ("op.pieces.failed", 50),
    ("op.tell.ok", 300),
    ("op.tell-confirmed.ok", 300),
    ("op.ask.ok", 500),
    ("op.ask.failed", 100),
    ("op.lend.ok", 100),
    ("op.invite.ok", 500),
    ("op.invite.failed", 20),
    ("op.join.ok", 100),
    ("op.join.failed", 100),
    ("op.introduce.ok", 200),
    ("op.revoke.ok", 200),
    ("op.readmit.ok", 50),
    ("op.ping.ok", 100),
    ("op.burst.ok", 200),
    ("op.burst.failed", 50),
    ("op.abandon", 100),
    ("op.call.ok", 100),
    ("op.call.failed", 20),
    ("op.cancel", 100),
    ("op.disconnect", 50),
    ("op.died", 50),
    ("join.by-ticket", 1_000),
    ("calm.send", 1_500),
    ("calm.ask", 1_500),
    ("calm.all-know-all", 8),
    ("calm.pressed", 500),
    ("calm.abandoned", 250),
    ("calm.outlived", 20),
    ("fault.cut", 500),
    ("fault.block", 100),
    ("fault.block-one-way", 200),
    ("fault.partition", 120),
    ("fault.weather", 300),
    ("fault.clock", 100),
    ("fault.clock-drift", 100),
    ("fault.cut-after-confirmation", 300),
    ("fault.cut-after-arrival", 200),
    ("fault.partition-one-way", 40),
    ("fault.slow-consumer", 300),
    ("fault.stall", 100),
    ("fault.break", 100),
    ("fault.damage", 100),
    ("fault.short-write", 1_000),
    ("fault.lost-dial", 100),
    ("fault.disk-once", 50),
    ("fault.disk-sync", 50),
    ("fault.disk-full", 50),
    ("fault.disk-power", 50),
    ("fault.power-cut", 200),
    ("fault.power-cut-in-write", 50),
    ("fault.shutdown", 100),
    ("fault.replay", 200),
    ("fault.garbage", 50),
];

/// How often what happened, in all runs together.
#[derive(Debug, Default)]
pub struct Coverage {
    runs: u64,
    counts: BTreeMap<String, u64>,
}

impl Coverage {
    /// Adds what happened in a run.
    pub fn add(&mut self, summary: &Summary) {
        self.runs += 1;
        for (kind, count) in &summary.counts {
            *self.counts.entry(kind.clone()).or_default() += count;
        }
    }

    /// What did not happen as often as it must, and what would be enough.
    #[must_use]
    pub fn lacking(&self) -> Vec<(&'static str, u64, u64)> {
        let of = |kind: &str| self.counts.get(kind).copied().unwrap_or_default();
        let expected = EXPECTED.iter().map(|(kind, least)| (*kind, of(kind), least * self.runs / RUNS));
        expected.filter(|(_, found, least)| found < least).collect()
    }

    /// All of it.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(kind, count)| (kind.as_str(), *count))
    }
}
