//! What happens to a path that we opened: every event in every state. The same table stands in §9.9 of
//! `docs/PROTOCOL.md`.

use crate::cell::{Cell, Word, either, saying, stay, to, to_saying};
use crate::initiator::{Event, State};

type Row = (Event, [Cell<State>; State::ALL.len()]);

const O: Cell<State> = stay();
const CLOSED: Cell<State> = to(State::Closed);
/// Ends the handshake or the session, where nobody but the peer can have sent it.
const BROKEN: Cell<State> = either(CLOSED, O);
const ASKED: Cell<State> = to_saying(State::Asked, Word::Flight);
const BESIDE: Cell<State> = to(State::AskedBeside);
const MET: Cell<State> = to_saying(State::Met, Word::Cookied);
const MET_BESIDE: Cell<State> = to_saying(State::MetBeside, Word::Cookied);
const HELD: Cell<State> = to(State::Held);
const LIVE: Cell<State> = to_saying(State::Live, Word::Confirmation);
const FAREWELL: Cell<State> = to_saying(State::Closed, Word::Farewell);
/// On a path that may lose it, the flight is said again.
const AGAIN: Cell<State> = either(O, saying(Word::Flight));
/// Another path takes its place; before, the flight was said again.
const TURN_OVER: Cell<State> = either(CLOSED, to_saying(State::Closed, Word::Flight));
const MET_TURN_OVER: Cell<State> = either(CLOSED, to_saying(State::Closed, Word::Cookied));
const COOKIED_AGAIN: Cell<State> = either(O, saying(Word::Cookied));

/// What nobody expects.
const JUNK: [Cell<State>; State::ALL.len()] = [O, O, BROKEN, BROKEN, BROKEN, BROKEN, O, BROKEN, O];

/// In the order of the states: dialing, waiting, asked, asked beside, met, met beside, held, live, closed.
#[rustfmt::skip]
pub(crate) const TABLE: [Row; Event::ALL.len()] = [
    (Event::Opens, [ASKED, O, O, O, O, O, O, O, O]),
    (Event::Fails, [CLOSED, O, O, O, O, O, O, O, O]),
    (Event::Reply, [O, O, LIVE, HELD, LIVE, HELD, O, BROKEN, O]),
    (Event::ReplyForged, JUNK),
    (Event::ReplyForeign, JUNK),
    (Event::ReplyShort, JUNK),
    (Event::ReplyLong, JUNK),
    (Event::Challenge, [O, O, MET, MET_BESIDE, BROKEN, BROKEN, O, BROKEN, O]),
    (Event::ChallengeForged, JUNK),
    (Event::ChallengeForeign, JUNK),
    (Event::ChallengeShort, JUNK),
    (Event::ChallengeLong, JUNK),
    (Event::First, JUNK),
    (Event::KeyShare, JUNK),
    (Event::CookiedBack, JUNK),
    (Event::Unknown, JUNK),
    (Event::Empty, JUNK),
    (Event::Sealed, [O, O, BROKEN, BROKEN, BROKEN, BROKEN, O, O, O]),
    (Event::SealedAgain, JUNK),
    (Event::SealedForged, JUNK),
    (Event::SealedForeign, JUNK),
    (Event::SealedShort, JUNK),
    (Event::Farewell, [O, O, BROKEN, BROKEN, BROKEN, BROKEN, O, CLOSED, O]),
    (Event::Half, [O, O, AGAIN, AGAIN, COOKIED_AGAIN, COOKIED_AGAIN, O, O, O]),
    (Event::Turn, [O, ASKED, AGAIN, AGAIN, COOKIED_AGAIN, COOKIED_AGAIN, LIVE, O, O]),
    (Event::TurnOther, [O, ASKED, TURN_OVER, TURN_OVER, MET_TURN_OVER, MET_TURN_OVER, LIVE, O, O]),
    (Event::Deadline, [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, O, O]),
    (Event::Idle, [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, FAREWELL, O]),
    (Event::TheirFirst, [O, O, BESIDE, O, to(State::MetBeside), O, O, O, O]),
    (Event::TheirsCounts, [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, FAREWELL, O]),
    (Event::TheirsLost, [O, O, O, to(State::Asked), O, to(State::Met), LIVE, O, O]),
    (Event::Cancel, [O, O, O, O, O, O, O, O, O]),
    (Event::Disconnect, [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, FAREWELL, O]),
    (Event::Removed, [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, FAREWELL, O]),
    (Event::Shutdown, [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, FAREWELL, O]),
    (Event::PathLost, [O, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, O]),
];
