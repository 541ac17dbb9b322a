//! The control plane of one node: peers, dials, sessions and every deadline.
