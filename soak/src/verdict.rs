//! What a run has shown, and whether every bound was kept.

mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ledger::Totals;
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
    /// What processes have complained of.
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
}

fn hours(duration: Duration) -> f64 {
    duration.as_secs_f64() / 3_600.0
}

fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / KIB_PER_MIB
}

#[cfg(test)]
mod tests;
