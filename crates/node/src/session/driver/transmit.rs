//! From the sending half to the carrier.

use std::task::{Context, Poll};

use chunk_proto::Deflater;
use endpoint::PathCause;
use link::SealJob;

use super::actors::Look;
use super::{Driver, End, FAREWELL_TIMEOUT, Phase};
use crate::session::{Half, Order, Wakes};
use crate::sync::lock;

/// Packets that are sealed before they are written. A packet has at most 64 KiB: these, and what waits in the kernel,
/// are what an urgent message cannot overtake any more.
const MAX_UNWRITTEN_PACKETS: usize = 4;

/// What one look at the sending half brought.
struct Haul {
    jobs: Vec<SealJob>,
    /// The sending half has nothing more; it will wake this task when it has.
    drained: bool,
    order: Option<Order>,
    /// The sending half was closed, by an order or because its keys are used up.
    closed: bool,
    /// So much was sealed that fresh keys are due.
    needs_rekey: bool,
    wakes: Wakes,
    /// What actors have to say.
    actors: Look,
    /// With these packets all that was taken from actors has left.
    actors_left: bool,
}

impl Driver {
    /// Seals and writes until there is nothing more to send, or the carrier takes no more. Carries out orders.
    pub(super) fn transmit(&mut self, context: &mut Context<'_>, received: bool) -> Result<(), End> {
        let mut received = received;
        loop {
            let haul = self.haul(context, received);
            let Haul { jobs, mut drained, order, closed, needs_rekey, wakes, actors, actors_left } = haul;
            received = false;
            wakes.wake();
            if let Some(fault) = actors.fault.filter(|_| self.phase == Phase::Up) {
                self.break_off(&fault);
            }
            self.obey(order)?;
            if needs_rekey {
                self.rx.rekey(&mut self.core.randomness.on_demand());
                // There is something to say now, unless the peer was asked before.
                drained &= self.rx.feedback().is_empty();
            }
            if !jobs.is_empty() {
                self.seal(jobs)?;
            }
            match self.writer.poll_flush(context, &mut self.carrier, &self.core.buffers) {
                Poll::Ready(Ok(())) => {
                    if actors_left {
                        self.actors.written();
                    }
                    if actors.waited_for {
                        self.actors.taken();
                    }
                }
                Poll::Ready(Err(error)) => {
                    tracing::debug!(path = %self.path, %error, "writing failed");
                    return Err(End::Lost(PathCause::Broken));
                }
                // Nothing can be said any more, and the far end does not read what was.
                Poll::Pending if closed && self.phase == Phase::Up => {
                    return Err(End::Lost(PathCause::Local));
                }
                Poll::Pending => return Ok(()),
            }
            match self.phase {
                Phase::Unconfirmed | Phase::Farewell { .. } => return Ok(()),
                Phase::Up if drained && closed => return Err(End::Lost(PathCause::Local)),
                Phase::Closing { until } if drained && closed => {
                    self.carrier.shutdown(context).map_err(|_| End::ClosedHere)?;
                    self.phase = Phase::Farewell { until };
                    return Ok(());
                }
                Phase::Up | Phase::Closing { .. } if drained => return Ok(()),
                Phase::Up | Phase::Closing { .. } => {}
            }
        }
    }

    /// Looks at the sending half, once for a whole batch of packets.
    fn haul(&mut self, context: &Context<'_>, received: bool) -> Haul {
        let may_send =
            self.writer.is_empty() && !matches!(self.phase, Phase::Unconfirmed | Phase::Farewell { .. });
        // Before the lock below: another one is taken for it.
        self.actors.find(&self.session);
        let mut half = lock(&self.session.half);
        let is_known = half.driver.as_ref().is_some_and(|driver| driver.will_wake(context.waker()));
        if !is_known {
            half.driver = Some(context.waker().clone());
        }
        let feedback = self.rx.feedback();
        if !feedback.is_empty() {
            half.tx.apply(feedback);
        }
        self.notes.drain(..).for_each(|note| half.tx.note(note));
        let order = self.take_order(&mut half);
        let actors = if may_send { self.actors.load(&mut half, context) } else { self.actors.look() };
        let mut jobs = Vec::new();
        let mut drained = false;
        while may_send && !drained && jobs.len() < MAX_UNWRITTEN_PACKETS {
            match half.tx.poll_transmit() {
                Some(job) => jobs.push(job),
                None => drained = true,
            }
        }
        let actors_left = drained && self.actors.has_left(&half);
        if actors.left && !jobs.is_empty() {
            // These packets have made room for what actors still have to say.
            drained = false;
        }
        let wakes = half.settle();
        if received || !jobs.is_empty() {
            half.last_used = if received { self.watch.heard } else { self.now };
        }
        let awaited = half.is_awaited() || actors.awaited;
        let closed = half.tx.is_closed();
        let needs_rekey = half.tx.needs_rekey();
        drop(half);
        if !is_known && self.actors.find(&self.session) {
            // Whoever has begun to speak since had nobody to wake.
            drained = false;
        }
        if awaited && !self.watch.awaited {
            // Silence counts from the moment at which somebody began to wait for its end.
            self.watch.heard = self.now;
        }
        self.watch.awaited = awaited;
        Haul { jobs, drained, order, closed, needs_rekey, wakes, actors, actors_left }
    }

    fn seal(&mut self, jobs: Vec<SealJob>) -> Result<(), End> {
        let Self { core, writer, notes, .. } = self;
        let compresses = jobs.iter().any(SealJob::wants_deflate);
        let seal = |deflater: &mut Deflater| -> Result<(), End> {
            for job in jobs {
                #[cfg(feature = "simulation")]
                core.machine.note_key(job.key_fingerprint());
                notes.extend(writer.seal(job, deflater).map_err(End::Lost)?);
            }
            Ok(())
        };
        // Most packets need none: one that is not used is nothing but a word.
        if compresses { core.deflaters.with(seal) } else { seal(&mut Deflater::default()) }
    }

    /// What the control plane wants, as far as it can be done now.
    pub(super) fn take_order(&self, half: &mut Half) -> Option<Order> {
        half.order.take_if(|order| matches!(order, Order::Abort) || self.phase != Phase::Unconfirmed)
    }

    pub(super) fn obey(&mut self, order: Option<Order>) -> Result<(), End> {
        match order {
            Some(Order::Abort) => Err(End::ClosedHere),
            Some(Order::Close(_)) => {
                if !matches!(self.phase, Phase::Closing { .. } | Phase::Farewell { .. }) {
                    self.phase = Phase::Closing { until: self.now + FAREWELL_TIMEOUT };
                }
                Ok(())
            }
            None => Ok(()),
        }
    }
}
