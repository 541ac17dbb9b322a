//! The MyCHIPs profile: Noise N then KK, or IK, over a byte stream, in packets of the kinds I, N, K, A and T (PROTOCOL
//! §14). It is for foreign implementations of what the MyCHIPs project describes, and shares nothing with the suites of
//! this crate but the primitives.
//!
//! A [`Connection`] is one end of one connection, as initiator or as responder. It takes packets and dates in, and gives
//! packets, [events](Event) and its next deadline out. What N claims is a [`Question`] and no more; an [`Agent`] exists
//! only once a key was proven, and nothing that came with I, N or K is handed out before the far end has shown that it
//! is there now.

mod agent;
mod connection;
mod event;
mod exchange;
mod limits;
mod packet;
mod transport;

pub use agent::{AgentSecret, static_key_of};
pub use connection::{Call, Connection, Phase};
pub use event::{Admission, Agent, End, Event, Question};
pub use limits::{
    CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, IDLE_TIMEOUT, INITIATOR_IDLE_TIMEOUT, Limits, MAX_EARLY_BYTES,
    MAX_MESSAGE_BYTES, MAX_PACKET_BYTES, MAX_SENT_PACKETS, MAX_TOKEN_BYTES, MAX_UNPROVEN_PACKET_BYTES,
    MAX_UNSENT_PACKETS, MIN_TOKEN_BYTES,
};
pub use packet::{LENGTH_BYTES, Reason, Token, framed};
