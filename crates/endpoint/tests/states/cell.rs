//! What a cell of a table of states says, in data and in the words of `docs/PROTOCOL.md`.

use std::fmt;

/// An enum with a list of its values and the words that the specification has for them.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($value:ident = $words:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($value,)+ }

        #[allow(dead_code)]
        impl $name {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$value,)+];

            pub(crate) fn words(self) -> &'static str {
                match self { $(Self::$value => $words,)+ }
            }
        }
    };
}
pub(crate) use named;

named! {
    /// What a handshake says.
    Word {
        Flight = "FIRST, KEY SHARE",
        Cookied = "COOKIED, KEY SHARE",
        Challenge = "CHALLENGE",
        Reply = "REPLY",
        Confirmation = "confirmation",
        Farewell = "farewell",
    }
}

/// What an event does on one kind of path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effect<S> {
    /// The state that follows, if it is another.
    pub(crate) to: Option<S>,
    pub(crate) says: Option<Word>,
}

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell<S> {
    pub(crate) reliable: Effect<S>,
    pub(crate) other: Effect<S>,
}

/// Nothing.
pub(crate) const fn stay<S: Copy>() -> Cell<S> {
    both(Effect { to: None, says: None })
}

pub(crate) const fn to<S: Copy>(state: S) -> Cell<S> {
    both(Effect { to: Some(state), says: None })
}

pub(crate) const fn to_saying<S: Copy>(state: S, word: Word) -> Cell<S> {
    both(Effect { to: Some(state), says: Some(word) })
}

pub(crate) const fn saying<S: Copy>(word: Word) -> Cell<S> {
    both(Effect { to: None, says: Some(word) })
}

/// One thing on a reliable path, another on others.
pub(crate) const fn either<S: Copy>(reliable: Cell<S>, other: Cell<S>) -> Cell<S> {
    Cell { reliable: reliable.reliable, other: other.other }
}

const fn both<S: Copy>(effect: Effect<S>) -> Cell<S> {
    Cell { reliable: effect, other: effect }
}

impl<S: Copy> Cell<S> {
    pub(crate) fn on(&self, reliable: bool) -> Effect<S> {
        if reliable { self.reliable } else { self.other }
    }
}

/// A role of the handshake under test.
pub(crate) trait Machine: Sized {
    type State: Copy + PartialEq + fmt::Debug + 'static;
    type Event: Copy + PartialEq + fmt::Debug + 'static;

    const STATES: &'static [Self::State];
    const EVENTS: &'static [Self::Event];
    /// Events that together tell any two states apart.
    const PROBES: &'static [Self::Event];

    fn state_words(state: Self::State) -> &'static str;
    fn event_words(event: Self::Event) -> &'static str;
    fn cell(state: Self::State, event: Self::Event) -> Cell<Self::State>;

    /// One that has come to this state as honest peers bring it there.
    fn reach(reliable: bool, state: Self::State) -> Self;
    /// Lets something happen.
    fn apply(&mut self, event: Self::Event) -> Seen;
    /// Whether what follows the event in that state depends on more than the state of this one path; another row says
    /// how.
    fn leaves_a_trace(reliable: bool, state: Self::State, event: Self::Event) -> bool;
    /// What must hold of everything that is told and remembered when an event led from one state to another.
    fn check(&self, way: (Self::State, Self::State), event: Self::Event, seen: &Seen);
}

/// What can be seen from outside when something happens to a path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// What was said on the path.
    pub(crate) said: Option<Word>,
    /// What the control plane asked for or told that concerns the path.
    pub(crate) acts: Vec<Act>,
    /// What came of the packet, where its path is still read.
    pub(crate) step: Option<&'static str>,
}

impl Seen {
    pub(crate) fn count(&self, act: Act) -> usize {
        self.acts.iter().filter(|other| **other == act).count()
    }

    pub(crate) fn say(&mut self, word: Word) {
        assert_eq!(self.said.replace(word), None, "one word at a time");
    }
}

/// What the control plane asked for or told that concerns one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Begin,
    Up,
    Down,
    StoreCounter,
    Redeem,
    Close,
}

/// Lets every event happen in every state, and compares with what the table says.
///
/// What is seen at once is compared with the cell. The state that follows is told by what it does next: whatever one
/// of the probes does after the event, it does in the state of the cell, come to in the usual way.
pub(crate) fn check_every_cell<M: Machine>(reliable: bool) {
    let fingerprint = |reach: &dyn Fn() -> M| -> Vec<Seen> {
        M::PROBES.iter().map(|probe| reach().apply(*probe)).collect()
    };
    let known: Vec<_> = M::STATES.iter().map(|state| fingerprint(&|| M::reach(reliable, *state))).collect();
    let of = |state: M::State| &known[M::STATES.iter().position(|other| *other == state).unwrap()];
    let mut wrong = Vec::new();
    for state in M::STATES {
        for event in M::EVENTS {
            let effect = M::cell(*state, *event).on(reliable);
            let expected = effect.to.unwrap_or(*state);
            let mut machine = M::reach(reliable, *state);
            let seen = machine.apply(*event);
            let cell = format!("{state:?}, {event:?}: {effect:?}, seen {seen:?}");
            if seen.said != effect.says {
                wrong.push(cell);
                continue;
            }
            println!("{cell}");
            machine.check((*state, expected), *event, &seen);
            let after = fingerprint(&|| {
                let mut machine = M::reach(reliable, *state);
                machine.apply(*event);
                machine
            });
            let known = of(expected).iter().filter(|_| !M::leaves_a_trace(reliable, *state, *event));
            for (probe, (after, known)) in M::PROBES.iter().zip(after.iter().zip(known)) {
                if after != known {
                    wrong.push(format!("{cell}, then {probe:?}: {after:?}, not {known:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "reliable: {reliable}\n{}", wrong.join("\n"));
}

/// The probes tell all states apart: otherwise a cell could name the wrong one.
pub(crate) fn check_that_probes_tell<M: Machine>(reliable: bool, alike: &[(M::State, M::State)]) {
    let fingerprint = |state: &M::State| -> Vec<Seen> {
        M::PROBES.iter().map(|probe| M::reach(reliable, *state).apply(*probe)).collect()
    };
    let known: Vec<_> = M::STATES.iter().map(fingerprint).collect();
    for (at, one) in M::STATES.iter().enumerate() {
        for (other_at, other) in M::STATES.iter().enumerate().skip(at + 1) {
            let same = known[at] == known[other_at];
            assert_eq!(same, alike.contains(&(*one, *other)), "{one:?} and {other:?}");
        }
    }
}
