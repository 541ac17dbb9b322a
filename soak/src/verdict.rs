//! What a run has shown, and whether every bound was kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;

use crate::ledger::{FINE, Totals};
use crate::line::Count;
use crate::measure::Measure;
use crate::plan::{MAX_SLOPE_MIB_PER_HOUR, MIN_JUDGED, MIN_POINTS, Plan};
use crate::slope::{median, slope};

const KIB_PER_MIB: f64 = 1024.0;
/// Samples between quiet moments of which one median is taken.
const WINDOW: Duration = Duration::from_secs(30);
/// The outcome of a message that is not what was sent.
const DAMAGED: &str = "Damaged";

/// A quiet moment.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    /// Since the churn began.
    pub(crate) at: Duration,
    pub(crate) count: Count,
    pub(crate) measure: Measure,
}

/// Everything that was seen in a run.
#[derive(Debug)]
pub(crate) struct Report {
    plan: Plan,
    pub(crate) baseline: Count,
    before: Measure,
    /// The quiet moments.
    pub(crate) points: Vec<Point>,
    /// Every second of churn.
    pub(crate) samples: Vec<(Duration, Measure)>,
    /// When all is over, before the steady node ends.
    pub(crate) last: Option<Point>,
    /// Of all who could still tell.
    pub(crate) totals: Totals,
    pub(crate) started_peers: u64,
    pub(crate) killed_peers: u64,
    pub(crate) dismissed_peers: u64,
    pub(crate) revoked_peers: u64,
    pub(crate) introductions: u64,
    /// What was done to connections, by its name.
    pub(crate) mischief: BTreeMap<String, u64>,
    pub(crate) failures: Vec<String>,
    /// What processes have complained of, if something failed.
    pub(crate) complaints: String,
    pub(crate) finished: bool,
    /// The longest that it took until quiet: until those who leave had left, until all that was started had ended, until
    /// nothing was left of sessions.
    pub(crate) slowest_quiet: [Duration; 3],
}

impl Report {
    pub(crate) fn new(plan: &Plan, baseline: Count, before: Measure) -> Self {
        Self {
            plan: *plan,
            baseline,
            before,
            points: Vec::new(),
            samples: Vec::new(),
            last: None,
            totals: Totals::default(),
            started_peers: 0,
            killed_peers: 0,
            dismissed_peers: 0,
            revoked_peers: 0,
            introductions: 0,
            mischief: BTreeMap::new(),
            failures: Vec::new(),
            complaints: String::new(),
            finished: false,
            slowest_quiet: [Duration::ZERO; 3],
        }
    }

    /// The quiet moments that count for slopes.
    fn judged(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| point.at >= self.plan.warm_up)
    }

    /// Whether they span enough time to say something.
    fn is_judged(&self) -> bool {
        let span = self.judged().last().zip(self.judged().next()).map(|(last, first)| last.at - first.at);
        span.is_some_and(|span| span >= MIN_JUDGED) && self.judged().count() >= MIN_POINTS
    }

    fn slope_of(&self, kib: impl Fn(&Point) -> u64) -> Option<f64> {
        let points: Vec<_> = self.judged().map(|point| (hours(point.at), mib(kib(point)))).collect();
        slope(&points)
    }

    /// Of memory that the kernel has given out.
    fn resident_slope(&self) -> Option<f64> {
        self.slope_of(|point| point.measure.resident_kib)
    }

    /// Of memory that is in use.
    fn heap_slope(&self) -> Option<f64> {
        self.slope_of(|point| point.count.heap_bytes / 1024)
    }

    /// Of memory under load, by the medians of windows: for information, since transfers come and go.
    fn loaded_slope(&self) -> Option<f64> {
        let mut windows: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for (at, sample) in self.samples.iter().filter(|(at, _)| *at >= self.plan.warm_up) {
            windows.entry(at.as_secs() / WINDOW.as_secs()).or_default().push(mib(sample.resident_kib));
        }
        let middle = |(window, mut values): (u64, Vec<f64>)| {
            Some((hours(WINDOW * u32::try_from(window).ok()?), median(&mut values)?))
        };
        slope(&windows.into_iter().filter_map(middle).collect::<Vec<_>>())
    }

    /// Every bound that was broken.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut broken = self.failures.clone();
        if !self.finished {
            broken.push("the run did not come to its end".to_owned());
        }
        for (name, kind) in &self.totals.kinds {
            let damaged: u64 =
                kind.outcomes.iter().filter(|(outcome, _)| outcome.contains(DAMAGED)).map(|(_, n)| n).sum();
            if kind.missing > 0 {
                broken.push(format!("{} of `{name}` had no outcome in time", kind.missing));
            }
            if damaged > 0 {
                broken.push(format!("{damaged} of `{name}` are not what was sent"));
            }
            if kind.fine() == 0 && kind.started > 20 {
                broken.push(format!("none of {} of `{name}` went well", kind.started));
            }
        }
        if self.finished && self.totals.in_flight() > 0 {
            broken.push(format!("{} operations have no outcome", self.totals.in_flight()));
        }
        for point in self.points.iter().chain(&self.last) {
            let (now, before) = (point.measure.descriptors, self.before.descriptors);
            if now != before {
                broken.push(format!("{now} descriptors at {} s, {before} at first", point.at.as_secs()));
            }
        }
        if let Some(last) = &self.last {
            for (name, size) in &last.count.tables {
                let before = self.baseline.tables.get(name).copied().unwrap_or_default();
                if *size != before {
                    broken.push(format!("{size} {name} at the end, {before} at first"));
                }
            }
        }
        if self.is_judged() {
            let slopes = [("resident memory", self.resident_slope()), ("the heap", self.heap_slope())];
            for (what, slope) in slopes {
                if slope.is_none_or(|slope| slope >= MAX_SLOPE_MIB_PER_HOUR) {
                    let slope = slope.unwrap_or(f64::NAN);
                    broken.push(format!(
                        "{what} grows by {slope:.2} MiB/h, {MAX_SLOPE_MIB_PER_HOUR} are allowed"
                    ));
                }
            }
        }
        broken
    }

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

fn hours(duration: Duration) -> f64 {
    duration.as_secs_f64() / 3_600.0
}

fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / KIB_PER_MIB
}

#[cfg(test)]
mod tests;
