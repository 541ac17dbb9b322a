//! What is known of every message: how it ended for its sender, and whether it came.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// To a stream; nobody waits for its arrival.
    Send,
    /// To a stream.
    Confirmed,
    /// To a stream, in pieces.
    Pieces,
    /// To an actor; nobody waits for its arrival.
    Tell,
    /// To an actor.
    TellConfirmed,
    /// To an actor, for an answer.
    Ask,
    /// To an actor, with somebody's address in it.
    Lend,
    /// To an actor, through an address that was lent.
    Lent,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Confirmed => "send-confirmed",
            Self::Pieces => "pieces",
            Self::Tell => "tell",
            Self::TellConfirmed => "tell-confirmed",
            Self::Ask => "ask",
            Self::Lend => "lend",
            Self::Lent => "lent",
        }
    }

    /// Whether success says that it has arrived.
    fn proves_arrival(self) -> bool {
        !matches!(self, Self::Send | Self::Tell)
    }

    fn is_on_a_stream(self) -> bool {
        matches!(self, Self::Send | Self::Confirmed | Self::Pieces)
    }
}

/// How a message ended for its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Arrived,
    Maybe,
    Not,
}

/// What is known of one message.
#[derive(Debug, Clone)]
struct Fate {
    kind: Kind,
    from: u8,
    to: Option<u8>,
    user: u32,
    begun: Instant,
    outcome: Option<Outcome>,
    delivered: u32,
}

/// What is known of all messages.
#[derive(Default)]
pub(crate) struct Ledger {
    fates: BTreeMap<u64, Fate>,
    last_number: u64,
    /// The last message of each sender that came, and where.
    last_delivered: BTreeMap<(u32, u8), u64>,
    /// Since when somebody is known to be out, to whom.
    excluded: BTreeMap<(u8, u8), Instant>,
    /// When somebody's machine last ended.
    ends: BTreeMap<u8, Instant>,
}

impl Ledger {
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_number += 2;
        self.last_number
    }

    pub(crate) fn begin(&mut self, number: u64, kind: Kind, from: u8, to: Option<u8>, user: u32) {
        let begun = Instant::now();
        let fate = Fate { kind, from, to, user, begun, outcome: None, delivered: 0 };
        self.fates.insert(number, fate);
    }

    pub(crate) fn end(&mut self, number: u64, is_ok: bool, maybe: bool) -> Result<(), String> {
        let Some(fate) = self.fates.get_mut(&number) else { return Err(format!("{number} never began")) };
        let outcome = match (is_ok, maybe) {
            (true, _) if fate.kind.proves_arrival() => Outcome::Arrived,
            (true, _) | (false, true) => Outcome::Maybe,
            (false, false) => Outcome::Not,
        };
        if fate.outcome.replace(outcome).is_some() {
            return Err(format!("message {number} ended twice: {fate:?}"));
        }
        if outcome == Outcome::Not && fate.delivered > 0 {
            return Err(format!(
                "message {number} came, and its sender was told that nothing had left: {fate:?}"
            ));
        }
        Ok(())
    }

    /// A message came.
    pub(crate) fn deliver(&mut self, number: u64, here: u8, from: Option<u8>) -> Result<(), String> {
        let Some(fate) = self.fates.get_mut(&number) else {
            return Err(format!("nobody has sent {number}, which came to {here}"));
        };
        fate.delivered += 1;
        if fate.delivered > 1 {
            return Err(format!("message {number} came {} times: {fate:?}", fate.delivered));
        }
        if fate.outcome == Some(Outcome::Not) {
            return Err(format!(
                "message {number} came, and its sender was told that nothing had left: {fate:?}"
            ));
        }
        if fate.kind == Kind::Lent {
            return Ok(());
        }
        if fate.to != Some(here) || from != Some(fate.from) {
            return Err(format!("message {number} came to {here} from {from:?}: {fate:?}"));
        }
        for pair in [(here, fate.from), (fate.from, here)] {
            if self.excluded.get(&pair).is_some_and(|since| *since < fate.begun) {
                let (inside, outside) = pair;
                return Err(format!(
                    "message {number} came though {inside} had {outside} kept out before: {fate:?}"
                ));
            }
        }
        if fate.kind.is_on_a_stream()
            && let Some(before) = self.last_delivered.insert((fate.user, here), number)
            && before > number
        {
            return Err(format!("message {number} came after {before} of the same sender: {fate:?}"));
        }
        Ok(())
    }

    /// Who has somebody kept out, from now on; or no more.
    pub(crate) fn exclude(&mut self, inside: u8, outside: u8, is_out: bool) {
        if is_out {
            self.excluded.entry((inside, outside)).or_insert_with(Instant::now);
        } else {
            self.excluded.remove(&(inside, outside));
        }
    }

    /// A machine has ended, with what had arrived there and was not taken.
    pub(crate) fn machine_ended(&mut self, number: u8) {
        self.ends.insert(number, Instant::now());
    }

    /// One of these that has not come.
    pub(crate) fn missing(&self, numbers: &[u64]) -> Option<String> {
        let fates = numbers.iter().filter_map(|number| Some((number, self.fates.get(number)?)));
        let mut missing = fates.filter(|(_, fate)| fate.delivered == 0);
        missing.next().map(|(number, fate)| format!("{number} did not come: {fate:?}"))
    }

    /// Whether somebody's machine has ended since then, if ever that was.
    pub(crate) fn ended_since(&self, number: u8, when: Option<Instant>) -> bool {
        self.ends.get(&number).is_some_and(|end| when.is_none_or(|when| *end >= when))
    }

    /// What must be true in the end.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (number, fate) in &self.fates {
            let survived = fate.to.is_some_and(|to| self.ends.get(&to).is_none_or(|end| *end < fate.begun));
            if fate.outcome == Some(Outcome::Arrived) && fate.delivered == 0 && survived {
                return Err(format!("message {number} was said to have arrived, and did not come: {fate:?}"));
            }
            // Whoever was to be told has ended with their machine.
            let told = self.ends.get(&fate.from).is_none_or(|end| *end < fate.begun);
            if fate.outcome.is_none() && told {
                return Err(format!("message {number} has no outcome: {fate:?}"));
            }
        }
        Ok(())
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.fates.len(), self.fates.values().filter(|fate| fate.delivered > 0).count())
    }
}
