//! When an exchange begins, and that none begins too late.

use std::task::{Context, Waker};

use actor_proxy::{Limits, Surroundings};

use super::*;
use crate::clock;

const HERE: NodeId = NodeId { member: [1; 32], device: [1; 32], boot: [1; 16] };
const THERE: NodeId = NodeId { member: [2; 32], device: [2; 32], boot: [1; 16] };

fn actors() -> Actors {
    let (clock, may_speak_with) = (Arc::new(clock::now), Arc::new(|_: &NodeId| true));
    Actors::new(Surroundings { me: HERE, seed: [0; 32], clock, may_speak_with, limits: Limits::default() })
}

/// Whether its session still carries what actors say.
fn is_in_use(exchange: &Exchange) -> bool {
    exchange.outgoing(&Context::from_waker(Waker::noop())).is_some()
}

#[test]
fn it_begins_when_it_is_needed_and_once() {
    let actors = actors();
    let session = LazyExchange::default();
    assert!(session.begin(&actors, THERE).is_none() && !session.is_allowed());
    drop(session.allow(&actors, THERE));
    assert!(session.is_allowed() && session.get().is_none() && !actors.has_heard_of(&THERE));
    let begun = session.begin(&actors, THERE).unwrap();
    let again = session.begin(&actors, THERE).unwrap();
    assert!(Arc::ptr_eq(&begun, &again) && is_in_use(&begun) && actors.has_heard_of(&THERE));
    session.end();
    assert!(session.begin(&actors, THERE).is_none() && session.get().is_none() && !session.is_allowed());
}

#[test]
fn it_begins_with_a_session_whose_far_machine_actors_know() {
    let actors = actors();
    let former = LazyExchange::default();
    drop(former.allow(&actors, THERE));
    let cut = former.begin(&actors, THERE).unwrap();
    let session = LazyExchange::default();
    drop(session.allow(&actors, THERE));
    assert!(session.get().is_some_and(|exchange| is_in_use(&exchange)));
    assert!(!is_in_use(&cut));
    // A later run of the machine ends the one before.
    let restarted = LazyExchange::default();
    drop(restarted.allow(&actors, NodeId { boot: [2; 16], ..THERE }));
    assert!(restarted.get().is_some_and(|exchange| is_in_use(&exchange)));
    assert!(session.get().is_some_and(|exchange| !is_in_use(&exchange)));
}

#[test]
fn a_session_that_was_told_to_end_begins_none_and_so_cuts_none_of_its_successor() {
    let actors = actors();
    let [first, second] = [(); 2].map(|()| LazyExchange::default());
    drop(first.allow(&actors, THERE));
    first.shut();
    drop(second.allow(&actors, THERE));
    let begun = second.begin(&actors, THERE).unwrap();
    // Somebody was given the first session and comes to it only now.
    assert!(first.begin(&actors, THERE).is_none());
    // Its driver goes on to the end as if it were up.
    assert!(first.is_allowed());
    first.end();
    assert!(is_in_use(&begun));
    // One that has begun stays, for what is still to leave.
    second.shut();
    assert!(second.get().is_some_and(|exchange| is_in_use(&exchange)));
}
