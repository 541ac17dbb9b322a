//! The data plane of one session: streams of messages over sealed packets.
//!
//! A session has two halves. [`Tx`] takes messages from the application, packs small ones together,
//! cuts large ones into chunks, and hands out packets to seal; it is cheap to call under a lock, and
//! the sealing itself happens outside of it. [`Rx`] takes sealed packets, opens them, and hands out
//! messages in order; it belongs to whoever reads from the paths. What `Rx` learns that `Tx` must know
//! travels in a [`Feedback`].
//!
//! ```text
//!  application ──try_send/enqueue──▶ Tx ──poll_transmit──▶ SealJob ──seal()──▶ packet
//!                                    ▲ apply(&mut Feedback)
//!  application ◀──poll_event──────── Rx ◀──handle_packet── packet
//!       └──────Meter::consume──────▶ (credit goes back)
//! ```
//!
//! Everything is sans-IO: no clock, no socket, no randomness of its own.
//!
#![doc = include_str!("../README.md")]

mod credit;
mod error;
mod feedback;
mod inbound;
mod limits;
mod meter;
mod operation;
mod outbound;
mod packet;
mod packing;
mod record;
mod rx;
mod schedule;
mod stream;
mod sync;
mod tx;

pub use credit::MESSAGE_COST_BYTES;
pub use error::{CloseReason, Error, PeerFault, SendError, StopReason, TrySendError};
pub use feedback::Feedback;
pub use inbound::Batch;
pub use limits::{Limits, PeerLimits};
pub use meter::Meter;
pub use operation::{OperationId, Outcome, TxEvent};
pub use packet::{BufferPool, CodingNote, PacketBuffer, SealJob, Sealed};
pub use rx::{Event, Rx};
pub use stream::{Priority, StreamId, StreamName, StreamOptions};
pub use tx::Tx;
