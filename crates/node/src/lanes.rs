//! The streams that carry what actors say (PROTOCOL.md §13.1).

use actor_proxy::Lane;
use link::{Priority, StreamName};

/// What the names of these streams begin with; the number of the lane follows.
const PREFIX: &str = "conclave.actors/";

/// The name of a lane's stream.
pub(crate) fn name(lane: Lane) -> Option<StreamName> {
    StreamName::new(&format!("{PREFIX}{}", lane.index()))
}

/// The lane that a stream of this name carries.
pub(crate) fn lane(name: &StreamName) -> Option<Lane> {
    let number = name.as_str().strip_prefix(PREFIX)?;
    Lane::all().find(|lane| number == lane.index().to_string())
}

/// News go first: credit and ends are what others wait for.
pub(crate) fn priority(lane: Lane) -> Priority {
    if lane == Lane::CONTROL { Priority::Urgent } else { Priority::Normal }
}
