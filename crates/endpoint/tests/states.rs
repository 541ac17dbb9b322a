//! Every event in every state of a handshake, for both roles, on paths of both kinds: what the table in section 9.9 of
//! `docs/PROTOCOL.md` says, and that it is what happens.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

#[path = "simulation/cast.rs"]
mod cast;
#[path = "states/cell.rs"]
mod cell;
#[path = "states/initiator.rs"]
mod initiator;
#[path = "states/initiator_table.rs"]
mod initiator_table;
#[path = "states/page.rs"]
mod page;
#[allow(dead_code)]
#[path = "simulation/plane.rs"]
mod plane;
#[path = "states/responder.rs"]
mod responder;
#[path = "states/responder_table.rs"]
mod responder_table;
#[path = "states/scene.rs"]
mod scene;

use cell::{check_every_cell, check_that_probes_tell};
use initiator::Initiator;
use page::check_page;
use responder::{Responder, State};

#[test]
fn every_cell_of_the_responder_on_a_reliable_path() {
    check_every_cell::<Responder>(true);
}

#[test]
fn every_cell_of_the_responder_on_a_path_that_loses_and_forges() {
    check_every_cell::<Responder>(false);
}

#[test]
fn the_probes_tell_the_states_of_the_responder_apart() {
    check_that_probes_tell::<Responder>(true, &[]);
    // Where packets may be forged, a key share that comes too early changes nothing.
    check_that_probes_tell::<Responder>(false, &[(State::Challenged, State::Crossed)]);
}

#[test]
fn every_cell_of_the_initiator_on_a_reliable_path() {
    check_every_cell::<Initiator>(true);
}

#[test]
fn every_cell_of_the_initiator_on_a_path_that_loses_and_forges() {
    check_every_cell::<Initiator>(false);
}

#[test]
fn the_probes_tell_the_states_of_the_initiator_apart() {
    check_that_probes_tell::<Initiator>(true, &[]);
    check_that_probes_tell::<Initiator>(false, &[]);
}

#[test]
fn the_specification_says_the_same() {
    check_page::<Responder>("The responder");
    check_page::<Initiator>("The initiator");
}
