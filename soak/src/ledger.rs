//! What was started, and what became of it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The outcome of what went well.
pub(crate) const FINE: &str = "ok";

/// What a process complains of when an operation has none: whoever is killed afterwards does not tell its totals.
pub(crate) const NO_OUTCOME: &str = "no outcome";

/// Every operation of one process.
#[derive(Default)]
pub(crate) struct Ledger {
    state: Mutex<Totals>,
}

/// What was started and what became of it, by kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) kinds: BTreeMap<String, Kind>,
}

/// Operations of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kind {
    pub(crate) started: u64,
    /// By their names.
    pub(crate) outcomes: BTreeMap<String, u64>,
    /// Those that had no outcome at their deadline.
    pub(crate) missing: u64,
    pub(crate) slowest_milliseconds: u64,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, Totals> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out an operation, and writes down what became of it. `None`: it failed, or had no outcome in time.
    pub(crate) async fn watch<T, E: Debug>(
        &self,
        kind: &str,
        deadline: Duration,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        self.state().kinds.entry(kind.to_owned()).or_default().started += 1;
        let start = Instant::now();
        let outcome = tokio::time::timeout(deadline, operation).await;
        let took = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut state = self.state();
        let entry = state.kinds.entry(kind.to_owned()).or_default();
        entry.slowest_milliseconds = entry.slowest_milliseconds.max(took);
        let (name, value) = match outcome {
            Ok(Ok(value)) => (FINE.to_owned(), Some(value)),
            Ok(Err(error)) => (name_of(&format!("{error:?}")), None),
            Err(_) => {
                entry.missing += 1;
                eprintln!("{kind}: {NO_OUTCOME} after {} s", deadline.as_secs());
                return None;
            }
        };
        *entry.outcomes.entry(name).or_default() += 1;
        value
    }

    /// A copy of everything.
    pub(crate) fn totals(&self) -> Totals {
        self.state().clone()
    }
}

impl Totals {
    /// Adds what another process has written down.
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, kind) in &other.kinds {
            let sum = self.kinds.entry(name.clone()).or_default();
            sum.started += kind.started;
            sum.missing += kind.missing;
            sum.slowest_milliseconds = sum.slowest_milliseconds.max(kind.slowest_milliseconds);
            for (outcome, count) in &kind.outcomes {
                *sum.outcomes.entry(outcome.clone()).or_default() += count;
            }
        }
    }

    /// The kinds of those under way, and how many there are of each.
    pub(crate) fn under_way(&self) -> Vec<(&str, u64)> {
        let all = self.kinds.iter().map(|(name, kind)| (name.as_str(), kind.in_flight()));
        all.filter(|(_, count)| *count > 0).collect()
    }

    /// Those under way.
    pub(crate) fn in_flight(&self) -> u64 {
        self.kinds.values().map(Kind::in_flight).sum()
    }
}

impl Kind {
    fn in_flight(&self) -> u64 {
        self.started.saturating_sub(self.outcomes.values().sum::<u64>() + self.missing)
    }

    /// How many went well.
    pub(crate) fn fine(&self) -> u64 {
        self.outcomes.get(FINE).copied().unwrap_or_default()
    }
}

/// The names of the variants in front of an error's `Debug`, without what is in them: `Connect(NoAnswer)` becomes
/// `Connect/NoAnswer`.
fn name_of(debug: &str) -> String {
    let mut names = Vec::new();
    let mut rest = debug;
    loop {
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        if !name.starts_with(char::is_uppercase) {
            return names.join("/");
        }
        names.push(name);
        match behind.strip_prefix('(') {
            Some(inner) => rest = inner,
            None => return names.join("/"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_called_by_their_variants() {
        assert_eq!(name_of("Connect(NoAnswer)"), "Connect/NoAnswer");
        assert_eq!(name_of("Lost { maybe_delivered: true }"), "Lost");
        assert_eq!(name_of("Send(Ended(Unreachable(\"x\")))"), "Send/Ended/Unreachable");
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_no_outcome_is_missing_and_no_longer_under_way() {
        let ledger = Ledger::default();
        let deadline = Duration::from_secs(1);
        assert_eq!(ledger.watch("a", deadline, async { Ok::<_, ()>(1) }).await, Some(1));
        let never = std::future::pending::<Result<(), ()>>();
        assert_eq!(ledger.watch("a", deadline, never).await, None);
        let failed = async { Err::<(), _>(std::fmt::Error) };
        assert_eq!(ledger.watch("a", deadline, failed).await, None);
        let mut totals = ledger.totals();
        let kind = &totals.kinds["a"];
        assert_eq!((kind.started, kind.missing, kind.fine()), (3, 1, 1));
        assert_eq!(kind.outcomes["Error"], 1);
        assert_eq!(totals.in_flight(), 0);
        totals.add(&ledger.totals());
        assert_eq!(totals.kinds["a"].started, 6);
    }
}
