//! Typed actor addresses that travel inside messages, over any pipe that carries messages.

#[allow(dead_code, unused_imports, reason = "what uses the tables comes next")]
mod table;
