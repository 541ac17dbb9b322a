//! The task of one connection: it moves packets, answers questions, and hands messages over.

use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use endpoint::HandshakeCause;
use membership::IdentityKey;
use tokio::sync::{mpsc, oneshot};
use x3dh_handshake::mychips::{
    Admission, Agent, End, Event, LENGTH_BYTES, Phase, Question, Reason, framed, static_key_of,
};
use x3dh_handshake::{Error, mychips};

use super::admission::Reservation;
use super::book::{Place, Use};
use super::connection::{Command, Connection, Handle};
use super::error::SendError;
use super::hub::{Closing, Hub};
use super::stream::{Moved, Stream};
use crate::carrier::Carrier;
use crate::clock;
use crate::core::Core;
use crate::gate::{Pass, source};
use crate::sync::lock;

/// How often a connection over which nothing comes asks whether its agent is still a member.
const STANDING_INTERVAL: Duration = Duration::from_secs(1);

/// One connection.
pub(super) struct Driver {
    core: Arc<Core>,
    hub: Arc<Hub>,
    line: mychips::Connection,
    stream: Stream,
    /// Whether the length of the next packet is known.
    in_packet: bool,
    guest: Option<Guest>,
    /// Who waits for a connection that was dialed.
    opened: Option<oneshot::Sender<Connection>>,
    open: Option<Opened>,
    /// The sender of what is on its way to the carrier.
    sending: Option<oneshot::Sender<Result<(), SendError>>>,
    end: Option<End>,
    /// Named by a ticket of its own, an agent need not be a member for us to speak with it.
    trusted: bool,
    closing: Closing,
    _running: mpsc::Sender<()>,
}

/// Somebody who has dialed us and not confirmed.
struct Guest {
    address: SocketAddr,
    pass: Pass,
    place: Option<Place>,
    reservation: Option<Reservation>,
}

/// What there is once a connection counts.
struct Opened {
    peer: Agent,
    handle: Handle,
    in_use: Use,
}

/// What a connection waits for.
enum Happening {
    Moved(Moved),
    Command(Option<Command>),
    /// There is room for messages again.
    Room,
    Time,
    /// Another connection takes this one's place.
    Displaced,
    Replaced,
    Closing,
}

/// Holds a connection that was accepted, from its handshake to its end.
pub(super) async fn welcome(
    core: Arc<Core>,
    hub: Arc<Hub>,
    carrier: Carrier,
    address: SocketAddr,
    pass: Pass,
) {
    let line = mychips::Connection::accept(clock::now(), hub.agent.clone(), hub.limits);
    let guest = Guest { address, pass, place: None, reservation: None };
    if let Some(driver) = Driver::new(core, hub, carrier, line, Some(guest)) {
        driver.run().await;
    }
}

impl Driver {
    fn new(
        core: Arc<Core>,
        hub: Arc<Hub>,
        carrier: Carrier,
        line: mychips::Connection,
        guest: Option<Guest>,
    ) -> Option<Self> {
        let running = lock(&hub.running).clone()?;
        Some(Self {
            closing: hub.closing(),
            core,
            hub,
            line,
            stream: Stream::new(carrier),
            in_packet: false,
            guest,
            opened: None,
            open: None,
            sending: None,
            end: None,
            trusted: false,
            _running: running,
        })
    }

    /// A connection that this node has dialed. `trusted`: whether or not the agent is a member.
    pub(super) fn dialed(
        core: Arc<Core>,
        hub: Arc<Hub>,
        carrier: Carrier,
        line: mychips::Connection,
        trusted: bool,
        opened: oneshot::Sender<Connection>,
    ) -> Option<Self> {
        let driver = Self::new(core, hub, carrier, line, None)?;
        Some(Self { opened: Some(opened), trusted, ..driver })
    }

    pub(super) async fn run(mut self) {
        let deadline = self.line.poll_timeout();
        loop {
            self.take_events().await;
            while let Some(packet) = self.line.poll_transmit() {
                match framed(&packet) {
                    Ok(bytes) => self.stream.put(&bytes),
                    Err(error) => tracing::error!(%error, "a packet without a length"),
                }
            }
            if self.stream.is_drained() {
                if let Some(reply) = self.sending.take() {
                    reply.send(Ok(())).ok();
                }
                if self.end.is_some() {
                    break;
                }
            }
            let happening = self.happening(deadline).await;
            self.handle(happening).await;
        }
        self.finish(deadline).await;
    }

    /// Waits for the next thing to do.
    async fn happening(&mut self, handshake: Option<std::time::Instant>) -> Happening {
        let (ended, drained) = (self.end.is_some(), self.stream.is_drained());
        // Once it is over, what is left to be sent has as long as a CLOSE.
        let deadline = match self.line.poll_timeout() {
            _ if ended => Some(clock::now() + self.hub.limits.close_timeout),
            deadline if self.open.is_some() => {
                let standing = clock::now() + STANDING_INTERVAL;
                deadline.map(|deadline| deadline.min(standing))
            }
            deadline => deadline.or(handshake),
        };
        let time = async {
            match deadline {
                Some(deadline) => clock::sleep_until(deadline).await,
                None => pending().await,
            }
        };
        let full = self.open.as_ref().is_some_and(|open| open.handle.inbox.capacity() == 0);
        let taken = self.open.as_ref().is_some_and(|open| open.handle.inbox.is_closed());
        let read = !ended && (!full || taken);
        let guest = self.guest.as_ref();
        let displaced = async {
            match guest {
                Some(Guest { pass, place: Some(place), .. }) => tokio::select! {
                    () = pass.evicted() => {}
                    () = place.displaced() => {}
                },
                Some(Guest { pass, .. }) => pass.evicted().await,
                None => pending().await,
            }
        };
        let stream = &mut self.stream;
        let moved = poll_fn(|context| stream.poll_move(context, read));
        let (commands, inbox, in_use) = match &mut self.open {
            Some(Opened { handle, in_use, .. }) => {
                (Some(&mut handle.commands), Some(&handle.inbox), Some(&*in_use))
            }
            None => (None, None, None),
        };
        // One message at a time is on its way, so that its sender can be told when it has left.
        let may_send = !ended && drained && self.line.phase() == Phase::Open;
        let command = async {
            match commands.filter(|_| may_send) {
                Some(commands) => commands.recv().await,
                None => pending().await,
            }
        };
        let room = async {
            match inbox.filter(|_| full && !taken) {
                Some(inbox) => drop(inbox.reserve().await),
                None => pending().await,
            }
        };
        let replaced = async {
            match in_use.filter(|_| !ended) {
                Some(in_use) => in_use.replaced().await,
                None => pending().await,
            }
        };
        let closing = &mut self.closing;
        let phase = self.line.phase();
        let shutdown = async {
            match phase {
                Phase::Closing | Phase::Closed => pending().await,
                _ => closing.begins().await,
            }
        };
        tokio::select! {
            moved = moved => Happening::Moved(moved),
            command = command => Happening::Command(command),
            () = room => Happening::Room,
            () = time => Happening::Time,
            () = displaced => Happening::Displaced,
            () = replaced => Happening::Replaced,
            () = shutdown => Happening::Closing,
        }
    }

    async fn handle(&mut self, happening: Happening) {
        let now = clock::now();
        match happening {
            Happening::Moved(Moved::Sent) | Happening::Room => {}
            Happening::Moved(Moved::Filled(bytes)) => self.filled(&bytes).await,
            Happening::Moved(Moved::Ended | Moved::Broken) => self.broken(),
            Happening::Command(Some(Command::Send { message, reply })) => self.send(&message, reply),
            Happening::Command(Some(Command::Close) | None) => self.line.close(now, Reason::Done),
            Happening::Time if self.end.is_some() => self.stream_given_up(),
            Happening::Time => {
                self.line.handle_timeout(now);
                self.check_standing();
            }
            Happening::Displaced => self.line.close(now, Reason::Replaced),
            Happening::Replaced => self.line.close(now, Reason::Replaced),
            Happening::Closing => self.line.close(now, Reason::Done),
        }
    }

    /// What was needed next is there: a length, or a packet.
    async fn filled(&mut self, bytes: &BytesMut) {
        if !self.in_packet {
            let length = bytes.first_chunk::<LENGTH_BYTES>().copied().unwrap_or_default();
            if let Some(length) = self.line.handle_length(length) {
                self.in_packet = true;
                self.stream.need(length);
            }
            return;
        }
        self.in_packet = false;
        self.stream.need(LENGTH_BYTES);
        let before_the_proof = self.guest.is_some();
        let turn = if before_the_proof { Some(lock(&self.hub.guard).reserve(clock::now())) } else { None };
        if let Some(turn) = turn {
            clock::sleep_until(turn).await;
        }
        let start = clock::now();
        // The turn may have come too late.
        self.line.handle_timeout(start);
        if let Err(error) = self.line.handle_packet(start, bytes) {
            tracing::error!(%error, "events were not taken");
        }
        if before_the_proof {
            let now = clock::now();
            lock(&self.hub.guard).settle(now, now.saturating_duration_since(start));
        }
    }

    fn send(&mut self, message: &[u8], reply: oneshot::Sender<Result<(), SendError>>) {
        match self.line.send(clock::now(), message) {
            Ok(()) => self.sending = Some(reply),
            Err(error) => {
                let error = match error {
                    Error::TooLong { limit, .. } => SendError::TooLong { limit },
                    _ => SendError::Ended,
                };
                reply.send(Err(error)).ok();
            }
        }
    }

    fn broken(&mut self) {
        self.line.handle_end();
        self.stream_given_up();
    }

    /// Nothing more leaves.
    fn stream_given_up(&mut self) {
        self.stream.give_up();
        if let Some(reply) = self.sending.take() {
            reply.send(Err(SendError::Ended)).ok();
        }
    }

    /// Does what the connection tells of.
    async fn take_events(&mut self) {
        while let Some(event) = self.line.poll_event() {
            match event {
                Event::Asks(question) => self.answer(&question),
                Event::Opened { peer, counter, early } => {
                    let counts = self.opened(peer, counter, early).await;
                    if !counts {
                        // Whoever was there first counts, and this one is told nothing.
                        self.end = Some(End::Rejected);
                        return;
                    }
                }
                Event::Message(message) => self.deliver(message),
                Event::Closed(end) => self.end = Some(end),
                _ => {}
            }
        }
    }

    /// Says who may come in.
    fn answer(&mut self, question: &Question) {
        let (agent, ticket) = match question {
            Question::Known { claimed } if self.core.agent_may(claimed) => (*claimed, None),
            Question::Ticket { by, token } => match self.core.reserve_for_agent(*by, token) {
                Some(reservation) => {
                    let ticket = *reservation.ticket();
                    if let Some(guest) = &mut self.guest {
                        guest.reservation = Some(reservation);
                    }
                    (*by, Some(ticket))
                }
                None => return self.refuse(),
            },
            _ => return self.refuse(),
        };
        let Ok(key) = static_key_of(&agent) else { return self.refuse() };
        let sizes = self.core.agent_sizes(&agent, ticket.as_ref());
        let admission = Admission {
            last_counter: self.hub.book.last_counter(&key),
            early: Vec::new(),
            max_received_bytes: Some(sizes.received_bytes),
            max_sent_bytes: Some(sizes.sent_bytes),
        };
        let start = clock::now();
        let mut rng = self.core.randomness.generator();
        if let Err(error) = self.line.admit(start, &admission, &mut rng) {
            tracing::error!(%error, "a question that was not asked");
        }
        let now = clock::now();
        lock(&self.hub.guard).work(now, now.saturating_duration_since(start));
        if let Some((key, counter)) = self.line.unconfirmed()
            && let Some(guest) = &mut self.guest
        {
            match self.hub.book.wait(key, counter) {
                Some(place) => {
                    guest.pass.proven();
                    guest.place = Some(place);
                }
                // The answer has not left yet, and never will.
                None => self.line.close(now, Reason::Replaced),
            }
        }
    }

    fn refuse(&mut self) {
        if let Err(error) = self.line.refuse() {
            tracing::error!(%error, "a question that was not asked");
        }
    }

    /// The connection counts from now on, unless another one of the same key came first.
    async fn opened(&mut self, peer: Agent, counter: u64, early: Vec<u8>) -> bool {
        if let Some(Guest { place, reservation, .. }) = self.guest.take() {
            if !place.is_some_and(Place::confirm) {
                return false;
            }
            if let Some(recorder) = &self.core.recorder {
                let device = peer.static_key();
                recorder.confirmed(endpoint::PeerId { identity: peer.id(), device }, counter);
            }
            if let Some(reservation) = reservation
                && !reservation.redeem().await
            {
                return false;
            }
        }
        let role = self.line.role();
        let in_use = self.hub.book.open(&self.hub.own_id(), &peer, role);
        let (connection, handle) = Connection::new(peer, role, early);
        tracing::info!(peer = %connection.member(), ?role, "agent connected");
        let taken = match self.opened.take() {
            Some(waiting) => waiting.send(connection).is_ok(),
            None => self.hub.accepted.try_send(connection).is_ok(),
        };
        self.open = Some(Opened { peer, handle, in_use });
        if !taken {
            self.line.close(clock::now(), Reason::Done);
        }
        self.check_standing();
        true
    }

    fn deliver(&mut self, message: Vec<u8>) {
        if !self.check_standing() {
            return;
        }
        if let Some(open) = &self.open {
            // There was room before it was read, or nobody is there to take it.
            open.handle.inbox.try_send(message).ok();
        }
    }

    /// Whether the agent is a member, or need not be; if not, the connection is closed and says so.
    fn check_standing(&mut self) -> bool {
        let Some(Opened { peer, .. }) = &self.open else { return true };
        let agent: IdentityKey = peer.id();
        let may = self.trusted || self.core.agent_may(&agent);
        if !may {
            self.line.close(clock::now(), Reason::Removed);
        }
        may
    }

    /// Ends the connection, and says so to whoever uses it.
    async fn finish(mut self, deadline: Option<std::time::Instant>) {
        let end = self.end.unwrap_or(End::Truncated);
        if let Some(Opened { peer, handle, .. }) = &self.open {
            handle.end.set(end).ok();
            let peer = membership::MemberId::of(&peer.id());
            tracing::info!(%peer, ?end, "agent gone");
        }
        if let (Some(guest), End::Rejected) = (&self.guest, end) {
            let source = source(guest.address.ip());
            tracing::debug!(address = %guest.address, "an agent was refused");
            // No offence: it may be an honest agent that was removed, or whose time is up. The rates hold it.
            lock(&self.hub.guard).refused(clock::now(), &source, &HandshakeCause::WrongDoor);
            guest.pass.refused();
            // Silence until the deadline: neither the time nor the manner of the end tells what was wrong.
            tokio::select! {
                () = clock::sleep_until(deadline.unwrap_or_else(clock::now)) => {}
                () = guest.pass.evicted() => {}
                () = self.closing.begins() => {}
            }
        }
        match end {
            End::ByPeer(_) | End::ByUs(_) if self.guest.is_none() => {
                poll_fn(|context| {
                    self.stream.shutdown(context);
                    std::task::Poll::Ready(())
                })
                .await;
            }
            _ => self.stream.abort(),
        }
    }
}
