//! The systems, and how a turn of each is started.

mod actors;
mod conclave;
#[cfg(feature = "iroh")]
mod direct;
#[cfg(feature = "kameo")]
mod kameo;
#[cfg(feature = "snow")]
mod noise;
#[cfg(feature = "libp2p")]
mod p2p;
#[cfg(feature = "quinn")]
mod quic;
#[cfg(feature = "ractor")]
mod ractor;
mod stream;
#[cfg(any(feature = "kameo", feature = "libp2p"))]
mod swarm;
mod tally;
mod tcp;
mod tls;

use std::pin::Pin;

use anyhow::Result;

use crate::mode::{Load, Mode};
use crate::system::System;
use crate::turn;

type Turn = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A system without its types.
pub struct Entry {
    /// How `--only` calls it.
    pub name: &'static str,
    /// How the table calls it.
    pub label: &'static str,
    /// How small messages come to share packets.
    pub batching: &'static str,
    /// What else the reader should know.
    pub notes: &'static [&'static str],
    /// The modes that it cannot do, and why.
    pub gaps: &'static [(Mode, &'static str)],
    /// The process that dials.
    pub dial: fn(Mode, Load) -> Turn,
    /// The process that accepts.
    pub accept: fn(Mode) -> Turn,
}

impl Entry {
    const fn of<S: System>() -> Self {
        Self {
            name: S::NAME,
            label: S::LABEL,
            batching: S::BATCHING,
            notes: S::NOTES,
            gaps: S::GAPS,
            dial: |mode, load| Box::pin(turn::dial::<S>(mode, load)),
            accept: |mode| Box::pin(turn::accept::<S>(mode)),
        }
    }
}

/// All systems, as the table shows them.
pub const ALL: &[Entry] = &[
    Entry::of::<tcp::Tcp>(),
    Entry::of::<tls::Hybrid>(),
    Entry::of::<tls::Classical>(),
    #[cfg(feature = "quinn")]
    Entry::of::<quic::Quinn>(),
    #[cfg(feature = "snow")]
    Entry::of::<noise::Noise>(),
    #[cfg(feature = "libp2p")]
    Entry::of::<p2p::Libp2p>(),
    #[cfg(feature = "iroh")]
    Entry::of::<direct::Iroh>(),
    #[cfg(feature = "kameo")]
    Entry::of::<kameo::Kameo>(),
    #[cfg(feature = "ractor")]
    Entry::of::<ractor::Ractor>(),
    Entry::of::<conclave::Sessions>(),
    Entry::of::<actors::Actors>(),
];

/// What all others are compared with.
pub const YARDSTICK: &str = <tls::Hybrid as System>::NAME;

/// The system of that name.
pub fn named(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}
