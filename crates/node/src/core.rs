//! What all tasks of a node share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use actor_proxy::Actors;
use arc_swap::ArcSwap;
use chunk_proto::NodeBudget;
use endpoint::{HandshakeKeys, PeerId};
use link::BufferPool;
use tokio::sync::Semaphore;

use crate::anonymous::Desk;
use crate::control::Control;
use crate::counter::Counter;
use crate::directory::Keeper;
use crate::events::Herald;
use crate::gate::Gate;
use crate::limits::Limits;
use crate::machine::Machine;
use crate::mychips::Hub;
use crate::pool::{Deflaters, Pool};
use crate::randomness::Randomness;
use crate::receivers::Receivers;
use crate::recorder::Recorder;
use crate::serving::Serving;
use crate::sync::lock;
use crate::timers::Timers;
use crate::transport::Transport;
use crate::watch::Watch;

/// Bytes read at once.
pub(crate) const READ_BYTES: usize = 256 * 1024;
/// Read buffers kept while nobody reads: sessions that read at the same moment are as many as there are cores.
pub(crate) const MAX_SPARE_READ_BUFFERS: usize = 8;

/// The shared part of a node.
pub(crate) struct Core {
    pub(crate) limits: Limits,
    /// What each session's data plane keeps to.
    pub(crate) data_limits: Arc<link::Limits>,
    /// Who this node is.
    pub(crate) local: PeerId,
    /// What it holds its handshakes with: replaced when the door rotates.
    pub(crate) keys: ArcSwap<HandshakeKeys>,
    /// Who says what about whom; `None` where the list of members is written by hand.
    pub(crate) keeper: Option<Keeper>,
    pub(crate) counter: Counter,
    pub(crate) randomness: Randomness,
    pub(crate) transport: Transport,
    pub(crate) control: Mutex<Control>,
    pub(crate) timers: Timers,
    pub(crate) gate: Arc<Gate>,
    pub(crate) watch: Watch,
    pub(crate) receivers: Arc<Receivers>,
    pub(crate) actors: Actors,
    /// Their services that are running.
    pub(crate) serving: Serving,
    pub(crate) events: Herald,
    /// If there is a store.
    pub(crate) recorder: Option<Arc<Recorder>>,
    pub(crate) read_pool: Pool,
    pub(crate) buffers: BufferPool,
    pub(crate) deflaters: Deflaters,
    pub(crate) budget: NodeBudget,
    /// Callers without a name.
    pub(crate) desk: Arc<Desk>,
    /// Whose turn it is to solve a puzzle.
    pub(crate) puzzles: Arc<Semaphore>,
    /// How often somebody unverified was dialed.
    pub(crate) unverified: AtomicU64,
    /// If the node speaks the MyCHIPs profile.
    pub(crate) mychips: Option<Arc<Hub>>,
    pub(crate) machine: Machine,
}

impl Core {
    /// Frees spare buffers once the last session has ended. They are kept for the sessions that go on; without any, what the
    /// busiest moment of the node's life has needed would stay with it for ever.
    pub(crate) fn free_spares(&self) {
        let (_, sessions, _) = lock(&self.control).sizes();
        if sessions == 0 {
            self.read_pool.shrink();
            self.buffers.clear();
            self.deflaters.shrink();
        }
    }
}
