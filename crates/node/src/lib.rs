//! A node of a conclave: sockets, tasks and clocks around the protocol crates.
