//! The task of one session: reads, opens, delivers; seals, writes.

mod actors;
mod receive;
mod transmit;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use endpoint::{PathCause, PathId, SessionId};
use link::{CloseReason, CodingNote, Rx};

use super::Session;
use super::routes::Routes;
use crate::carrier::Carrier;
use crate::clock;
use crate::core::Core;
use crate::frames::{FrameReader, FrameWriter};
use crate::gate::Pass;
use actors::ActorLanes;

/// How often the driver reads, and writes, before other tasks get their turn.
const MAX_ROUNDS: usize = 8;
/// How long a session that closes may take to hand over its last bytes and to hear the far end hang up.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// Drives one session over one path, from the end of the handshake to the end of the path.
pub(crate) struct Driver {
    core: Arc<Core>,
    session: Arc<Session>,
    id: SessionId,
    path: PathId,
    carrier: Carrier,
    reader: FrameReader,
    writer: FrameWriter,
    rx: Rx,
    routes: Routes,
    /// What actors say in this session, and the streams that carry it.
    actors: ActorLanes,
    /// How attempts to compress came out, for the sending half.
    notes: Vec<CodingNote>,
    phase: Phase,
    /// Confirmed, by a ticket that is being consumed.
    redeeming: bool,
    pass: Option<Pass>,
    watch: Watch,
    /// When this task had its turn: the clock is read once in it.
    now: Instant,
    ended: bool,
}

/// ```text
///   Unconfirmed ──first packet opened──▶ Up ──order, or violation──▶ Closing ──CLOSE written──▶ Farewell
/// ```
/// An initiator begins in `Up`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The peer has not shown that it has the keys: nothing is sent, and little is held.
    Unconfirmed,
    Up,
    /// Nothing is delivered any more; what was accepted still leaves, then the word of farewell.
    Closing {
        until: Instant,
    },
    /// Nothing is sent any more; the far end may still be reading what is under way.
    Farewell {
        until: Instant,
    },
}

/// The deadlines of one session.
#[derive(Clone, Copy, Debug)]
struct Watch {
    /// When the node's timer wakes the driver next.
    armed: Option<Instant>,
    /// When something was last received, or somebody began to wait for it.
    heard: Instant,
    /// Somebody waits for an answer of the peer.
    awaited: bool,
    /// The peer was asked for a sign of life since it was last heard.
    asked: bool,
}

/// How a path ended, as its driver saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The path was lost.
    Lost(PathCause),
    /// The peer said farewell.
    ClosedByPeer(CloseReason),
    /// This side said farewell, or was told to end without a word.
    ClosedHere,
}

/// What a handshake leaves for the driver.
pub(crate) struct Parts {
    pub(crate) session: Arc<Session>,
    pub(crate) id: SessionId,
    pub(crate) path: PathId,
    pub(crate) carrier: Carrier,
    pub(crate) reader: FrameReader,
    pub(crate) writer: FrameWriter,
    pub(crate) rx: Rx,
    /// The place at the gate of a peer that has yet to show that it has the keys.
    pub(crate) pass: Option<Pass>,
}

impl Driver {
    pub(crate) fn new(core: Arc<Core>, parts: Parts) -> Box<Self> {
        let Parts { session, id, path, carrier, reader, writer, rx, pass } = parts;
        let phase = if pass.is_some() { Phase::Unconfirmed } else { Phase::Up };
        let mut routes = Routes::default();
        routes.limit_actors(core.actors.max_message_bytes());
        let now = clock::now();
        let watch = Watch { armed: None, heard: now, awaited: false, asked: false };
        Box::new(Self {
            core,
            session,
            id,
            path,
            carrier,
            reader,
            writer,
            rx,
            routes,
            actors: ActorLanes::default(),
            notes: Vec::new(),
            phase,
            redeeming: false,
            pass,
            watch,
            now,
            ended: false,
        })
    }

    /// Runs until the path ends, and tells the control plane.
    ///
    /// On the heap: what is handed to a task by value it holds twice, once as an argument.
    pub(crate) async fn run(mut self: Box<Self>) {
        let end = std::future::poll_fn(|context| self.poll(context)).await;
        self.end(end);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        self.now = clock::now();
        if let Err(end) = self.pass_deadlines() {
            return Poll::Ready(end);
        }
        for round in 0..MAX_ROUNDS {
            let received = match self.poll_receive(context) {
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                received => received.is_ready(),
            };
            // Whoever has something to send since the round before has woken this task for it.
            if (received || round == 0 || !self.rx.feedback().is_empty())
                && let Err(end) = self.transmit(context, received)
            {
                return Poll::Ready(end);
            }
            // Whoever got something is woken last, and once: each earlier wake would take this task's place on its
            // thread while there is still something to write.
            self.routes.wake();
            self.actors.wake();
            if !received {
                self.rx.rest();
                self.actors.rest();
                self.arm();
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Tells the control plane, then everybody who waits for something of this session.
    fn end(&mut self, end: End) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if self.phase == Phase::Unconfirmed {
            self.carrier.abort();
        }
        // What came with the end is theirs.
        self.actors.wake();
        match end {
            End::Lost(cause) => self.core.path_lost(self.path, cause),
            End::ClosedByPeer(reason) => self.core.closed_by_peer(self.path, self.id, reason),
            End::ClosedHere => self.core.path_closed(self.path),
        }
        self.actors = ActorLanes::default();
        self.session.close_exchange();
        self.rx.close();
        self.session.with(|half| half.tx.fail());
        self.routes.lose();
        if let Some(armed) = self.watch.armed.take() {
            self.core.timers.disarm(armed, self.path);
        }
        self.core.free_spares();
    }
}

impl Drop for Driver {
    /// The task was dropped before its end, with the runtime or by a panic: nobody may wait for it for ever.
    fn drop(&mut self) {
        self.end(End::Lost(PathCause::Local));
    }
}

impl Driver {
    /// Acts on the deadlines that have passed.
    fn pass_deadlines(&mut self) -> Result<(), End> {
        let Some(armed) = self.watch.armed else { return Ok(()) };
        let now = self.now;
        if now < armed {
            return Ok(());
        }
        self.watch.armed = None;
        if self.rx.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.rx.handle_timeout(now, &mut self.core.randomness.on_demand());
            self.deliver()?;
        }
        if let Phase::Closing { until } | Phase::Farewell { until } = self.phase
            && until <= now
        {
            return Err(End::ClosedHere);
        }
        if self.watch.awaited {
            let silence = now.saturating_duration_since(self.watch.heard);
            if silence >= self.core.limits.silence_timeout {
                return Err(End::Lost(PathCause::TimedOut));
            }
            if silence >= self.core.limits.silence_timeout / 2 && !self.watch.asked {
                self.watch.asked = true;
                // A session that is closed already ends by itself.
                self.session.with(|half| half.tx.ping(0)).ok();
            }
        }
        Ok(())
    }

    /// Has the node's timer wake this task for the next deadline. A timer set too early is harmless: the task looks
    /// around and sets the next one, so that a busy session does not set one for each packet.
    fn arm(&mut self) {
        let silence_timeout = self.core.limits.silence_timeout;
        let silence = self.watch.awaited.then(|| {
            let patience = if self.watch.asked { silence_timeout } else { silence_timeout / 2 };
            self.watch.heard + patience
        });
        let closing = match self.phase {
            Phase::Closing { until } | Phase::Farewell { until } => Some(until),
            Phase::Unconfirmed | Phase::Up => None,
        };
        let next = [silence, closing, self.rx.poll_timeout()].into_iter().flatten().min();
        let Some(next) = next else { return };
        if self.watch.armed.is_some_and(|armed| armed <= next) {
            return;
        }
        if let Some(armed) = self.watch.armed.replace(next) {
            self.core.timers.disarm(armed, self.path);
        }
        self.core.timers.arm(next, self.path, &self.session);
    }
}
