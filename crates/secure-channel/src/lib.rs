//! The keys of one session: sealed packets in any order, replay windows, epochs, rekey.
//!
//! A handshake leaves two ends with the same secrets. [`split`] makes of them a [`Sealer`], which numbers and seals
//! what goes out, an [`Opener`], which opens what comes in and refuses what it has seen, and a [`Rekey`], which
//! agrees on fresh keys while packets keep flowing.
//! Both take the cipher out of their critical section: a [`SealTicket`] and an [`OpenTicket`] carry the key of
//! one packet and may be used on any core, in any order.
//!
//! ```text
//! Sealer::reserve ──> SealTicket::seal ──> packet ──> Opener::ticket ──> OpenTicket::open ──> Opener::commit
//!   takes a number      the cipher                      finds the key      the cipher           window, epoch
//!   (under a lock)      (any core)                      (changes nothing)  (any core)           (changes state)
//! ```
//!
//! Nothing here knows what is inside a packet, or what carries it. The bytes are specified in section 6 of
//! `docs/PROTOCOL.md`.

mod cipher;
mod error;
mod header;
mod incoming;
mod limits;
mod opener;
mod paths;
mod rekey;
mod schedule;
mod sealer;
mod secret;
mod session;
#[cfg(test)]
mod testing;
mod ticket;
mod window;

pub use error::Error;
pub use header::{
    HEADER_BYTES, MAX_PACKET_BYTES, MAX_PACKET_NUMBER, MAX_PLAINTEXT_BYTES, OVERHEAD_BYTES, PACKET_KIND,
    PathNumber, TAG_BYTES, tag_of,
};
pub use limits::{Limits, PREVIOUS_GRACE, REKEY_AFTER};
pub use opener::{Committed, Opener};
pub use paths::MAX_PATHS;
pub use rekey::{Answer, NextKeys, NextOpening, NextSealing, Rekey};
pub use sealer::{SealTicket, Sealer};
pub use session::{Association, split};
pub use ticket::{OpenTicket, Opened};
pub use window::WINDOW_PACKETS;
pub use x3dh_handshake::{Role, SessionSecrets, Suite, Tag, TrafficAead};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
