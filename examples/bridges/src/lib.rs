//! What the bridges in `examples/` share: two nodes that are members of each other.

mod nodes;

pub use nodes::{pair, shut_down};
