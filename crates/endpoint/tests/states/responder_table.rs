//! What happens to a path that somebody else opened: every event in every state. The same table stands in §9.9 of
//! `docs/PROTOCOL.md`.

use crate::cell::{Cell, Word, either, saying, stay, to, to_saying};
use crate::responder::{Event, State};

type Row = (Event, [Cell<State>; State::ALL.len()]);

const O: Cell<State> = stay();
const SILENT: Cell<State> = to(State::Silent);
const CLOSED: Cell<State> = to(State::Closed);
/// Ends the handshake without a sign, where nobody but the peer can have sent it.
const UNDONE: Cell<State> = either(SILENT, O);
/// Ends the session that it does not belong to, where nobody but the peer can have sent it.
const BROKEN: Cell<State> = either(CLOSED, O);
const CHALLENGE: Cell<State> = either(SILENT, saying(Word::Challenge));
/// Work that was not asked for on this path; where nothing is kept of a path, it may have been.
const UNASKED: Cell<State> = either(SILENT, KEY_SHARE);
const CROSSED: Cell<State> = to(State::Crossed);
const KEY_SHARE: Cell<State> = to(State::KeyShare);
const CHALLENGED: Cell<State> = to_saying(State::Challenged, Word::Challenge);
const ANSWERED: Cell<State> = to_saying(State::Unconfirmed, Word::Reply);
const FAREWELL: Cell<State> = to_saying(State::Closed, Word::Farewell);
const PARKED: Cell<State> = to(State::Parked);
const REDEEMING: Cell<State> = to(State::Redeeming);
const LIVE: Cell<State> = to(State::Live);

/// What nobody expects.
const JUNK: [Cell<State>; State::ALL.len()] =
    [SILENT, UNDONE, UNDONE, UNDONE, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O];
/// A first packet behind the door that leads nowhere.
const KNOCK: [Cell<State>; State::ALL.len()] =
    [SILENT, CHALLENGE, CHALLENGE, UNDONE, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O];
/// A key share that is not the one committed to.
const SHARE: [Cell<State>; State::ALL.len()] =
    [SILENT, CROSSED, UNDONE, UNDONE, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O];

/// In the order of the states: first, challenged, crossed, key share, parked, unconfirmed, reserved, redeeming, live,
/// silent, closed.
#[rustfmt::skip]
pub(crate) const TABLE: [Row; Event::ALL.len()] = [
    (Event::First, [KEY_SHARE, CHALLENGE, CHALLENGE, UNDONE, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O]),
    (Event::FirstByTicket, [KEY_SHARE, CHALLENGE, CHALLENGE, UNDONE, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O]),
    (Event::FirstUnderLoad, [CHALLENGED, CHALLENGE, CHALLENGE, UNDONE, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O]),
    (Event::FirstPutOff, [O, CHALLENGE, CHALLENGE, UNDONE, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O]),
    (Event::FirstWithoutDoor, JUNK),
    (Event::FirstUnproven, KNOCK),
    (Event::FirstOfStranger, KNOCK),
    (Event::FirstByClosedTicket, KNOCK),
    (Event::FirstOfSuite, JUNK),
    (Event::FirstShort, JUNK),
    (Event::FirstLong, JUNK),
    (Event::KeyShare, [SILENT, CROSSED, UNDONE, ANSWERED, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O]),
    (Event::KeyShareCounter, [SILENT, CROSSED, UNDONE, SILENT, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O]),
    (Event::KeyShareOurs, [SILENT, CROSSED, UNDONE, PARKED, UNDONE, CLOSED, BROKEN, O, BROKEN, O, O]),
    (Event::KeyShareCipher, [SILENT, CROSSED, UNDONE, CLOSED, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O]),
    (Event::KeyShareForged, SHARE),
    (Event::KeyShareForeign, SHARE),
    (Event::KeyShareShort, SHARE),
    (Event::KeyShareLong, SHARE),
    (Event::Cookied, [UNASKED, KEY_SHARE, KEY_SHARE, UNDONE, UNDONE, BROKEN, BROKEN, O, BROKEN, O, O]),
    (Event::CookiedForged, JUNK),
    (Event::CookiedShort, JUNK),
    (Event::CookiedLong, JUNK),
    (Event::Reply, JUNK),
    (Event::Challenge, JUNK),
    (Event::Unknown, JUNK),
    (Event::Empty, JUNK),
    (Event::Sealed, [SILENT, UNDONE, UNDONE, UNDONE, UNDONE, LIVE, REDEEMING, O, O, O, O]),
    (Event::SealedAgain, JUNK),
    (Event::SealedForged, JUNK),
    (Event::SealedForeign, JUNK),
    (Event::SealedShort, JUNK),
    (Event::Farewell, [SILENT, UNDONE, UNDONE, UNDONE, UNDONE, CLOSED, REDEEMING, O, CLOSED, O, O]),
    (Event::Deadline, [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, O, CLOSED, O]),
    (Event::Idle, [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, FAREWELL, CLOSED, O]),
    (Event::OtherFirst, [O, O, O, O, SILENT, CLOSED, CLOSED, CLOSED, O, O, O]),
    (Event::OursBegins, [O, O, O, O, O, CLOSED, O, O, O, O, O]),
    (Event::OursFails, [O, O, O, O, ANSWERED, O, O, O, O, O, O]),
    (Event::OursCounts, [O, O, O, O, SILENT, O, O, O, O, O, O]),
    (Event::Crowded, [CLOSED, CLOSED, CLOSED, CLOSED, O, O, O, O, O, CLOSED, O]),
    (Event::Redeemed, [O, O, O, O, O, O, O, LIVE, O, O, O]),
    (Event::NotRedeemed, [O, O, O, O, O, O, O, CLOSED, O, O, O]),
    (Event::Disconnect, [O, O, O, O, SILENT, CLOSED, CLOSED, CLOSED, FAREWELL, O, O]),
    (Event::Removed, [O, O, O, O, SILENT, CLOSED, O, O, FAREWELL, O, O]),
    (Event::Shutdown, [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, FAREWELL, CLOSED, O]),
    (Event::PathLost, [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, O]),
];
