//! The demonstration: two real processes, a wire between them that is watched and cut, and a look at what it carried.

mod child;
mod person;
mod recording;
mod relay;
mod scan;
mod silence;
mod stage;
mod wire;

pub(crate) use stage::{Play, Stage};
