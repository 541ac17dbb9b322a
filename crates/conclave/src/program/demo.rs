//! The demonstration: real processes, a wire between them that is watched and cut, and a look at what it carried.

mod child;
mod desk;
mod guest;
mod person;
mod recording;
mod relay;
mod scan;
mod silence;
mod stage;
mod wire;

pub(crate) use desk::serve as serve_desk;
pub(crate) use stage::{Play, Stage};
