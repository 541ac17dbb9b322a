//! What is printed of a run.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;

use super::{Point, Report, median, mib};
use crate::ledger::FINE;
use crate::plan::Plan;

impl Report {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        self.write_text(&mut text).ok();
        text
    }

    fn write_text(&self, text: &mut String) -> std::fmt::Result {
        let Plan { length, seed, warm_up, is_lean, .. } = self.plan;
        let allocator = if is_lean { "keeps nothing that was freed" } else { "as it comes" };
        writeln!(
            text,
            "soak of {} s, seed {seed}, warm-up {} s, allocator {allocator}",
            length.as_secs(),
            warm_up.as_secs()
        )?;
        writeln!(
            text,
            "\n{:>6} {:>10} {:>10} {:>9} {:>5} {:>8} {:>10}  tables",
            "s", "resident", "anonymous", "heap", "fds", "threads", "statements"
        )?;
        let baseline = Point { at: Duration::ZERO, count: self.baseline.clone(), measure: self.before };
        for point in std::iter::once(&baseline).chain(&self.points).chain(&self.last) {
            let Point { at, count, measure } = point;
            let tables: Vec<_> = count
                .tables
                .iter()
                .filter(|(_, size)| **size > 0)
                .map(|(name, size)| format!("{size} {name}"))
                .collect();
            writeln!(
                text,
                "{:>6} {:>6.2} MiB {:>6.2} MiB {:>5} KiB {:>5} {:>8} {:>10}  {}",
                at.as_secs(),
                mib(measure.resident_kib),
                mib(measure.anonymous_kib),
                count.heap_bytes / 1024,
                measure.descriptors,
                measure.threads,
                count.statements,
                tables.join(", "),
            )?;
        }
        let mut loaded: Vec<_> = self.samples.iter().map(|(_, sample)| mib(sample.resident_kib)).collect();
        let most = self.samples.iter().map(|(_, sample)| sample.descriptors).max().unwrap_or_default();
        let middle = median(&mut loaded).unwrap_or_default();
        let highest = loaded.last().copied().unwrap_or_default();
        writeln!(
            text,
            "\nunder load: {middle:.2} MiB resident (median), {highest:.2} at most; {most} descriptors at most"
        )?;
        let shown =
            |slope: Option<f64>| slope.map_or_else(|| "-".to_owned(), |slope| format!("{slope:+.2} MiB/h"));
        writeln!(
            text,
            "slope after warm-up: resident {}, heap {}, under load {}{}",
            shown(self.resident_slope()),
            shown(self.heap_slope()),
            shown(self.loaded_slope()),
            if self.is_judged() { "" } else { " (too short to be judged)" },
        )?;
        let sessions = self.last.as_ref().map_or(0, |last| last.count.sessions);
        writeln!(
            text,
            "peers: {} started, {} killed, {} ended in order, {} revoked; {} introductions; sessions of the steady node: {sessions}",
            self.started_peers,
            self.killed_peers,
            self.dismissed_peers,
            self.revoked_peers,
            self.introductions
        )?;
        let [left, hushed, parted] = self.slowest_quiet.map(|slowest| slowest.as_secs_f64());
        writeln!(
            text,
            "until quiet, at most: {left:.1} s to leave, {hushed:.1} s to end operations, {parted:.1} s to end sessions"
        )?;
        let mischief: Vec<_> = self.mischief.iter().map(|(fate, count)| format!("{count} {fate}")).collect();
        writeln!(text, "connections on their way: {}", mischief.join(", "))?;
        writeln!(
            text,
            "\n{:<22} {:>8} {:>8} {:>8} {:>8}  other outcomes",
            "operation", "started", "ok", "missing", "slowest"
        )?;
        for (name, kind) in &self.totals.kinds {
            let others = kind.outcomes.iter().filter(|(outcome, _)| *outcome != FINE);
            let others: Vec<_> = others.map(|(outcome, count)| format!("{outcome} {count}")).collect();
            writeln!(
                text,
                "{name:<22} {:>8} {:>8} {:>8} {:>6} ms  {}",
                kind.started,
                kind.fine(),
                kind.missing,
                kind.slowest_milliseconds,
                others.join(", "),
            )?;
        }
        let broken = self.broken();
        for bound in &broken {
            writeln!(text, "BROKEN: {bound}")?;
        }
        if broken.is_empty() {
            writeln!(text, "\nevery bound was kept")?;
        }
        write!(text, "{}", self.complaints)
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        let points = self.points.iter().chain(&self.last).map(|point| {
            json!({
                "seconds": point.at.as_secs(),
                "resident_kib": point.measure.resident_kib,
                "anonymous_kib": point.measure.anonymous_kib,
                "heap_bytes": point.count.heap_bytes,
                "descriptors": point.measure.descriptors,
                "threads": point.measure.threads,
                "tables": point.count.tables,
            })
        });
        json!({
            "seconds": self.plan.length.as_secs(),
            "seed": self.plan.seed,
            "judged": self.is_judged(),
            "resident_slope_mib_per_hour": self.resident_slope(),
            "heap_slope_mib_per_hour": self.heap_slope(),
            "points": points.collect::<Vec<_>>(),
            "peers": { "started": self.started_peers, "killed": self.killed_peers, "revoked": self.revoked_peers },
            "sessions": self.last.as_ref().map(|last| last.count.sessions),
            "operations": self.totals.kinds,
            "broken": self.broken(),
        })
        .to_string()
    }
}
