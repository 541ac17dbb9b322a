//! Typed actor addresses that travel inside messages, over any pipe that carries messages.
