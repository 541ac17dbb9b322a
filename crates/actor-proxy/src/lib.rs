//! Typed actor addresses that travel inside messages, over any pipe that carries messages.

#[allow(dead_code, unreachable_pub, unused_imports)]
mod body;
