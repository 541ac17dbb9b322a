//! What comes: packets, the end of the stream, time.

use std::{mem, time::Instant};

use zeroize::Zeroizing;

use super::{Claim, Connection, Introduced, Open, Pending, State, checked_length};
use crate::{
    error::{Error, Rejected},
    keys::IdentityKey,
    mychips::{
        agent::static_key_of,
        event::{Agent, End, Event, Question},
        exchange::{Exchange, Pattern, prologue_of_claim, prologue_of_introduction, prologue_of_request},
        packet::{Introduction, Kind, LENGTH_BYTES, Reason, Record, taken_early},
    },
    session::Role,
};

impl Connection {
    /// Takes in the length in front of a packet, before anything is kept for it: how many bytes follow, or `None` if it
    /// is refused, which ends the connection.
    pub fn handle_length(&mut self, length: [u8; LENGTH_BYTES]) -> Option<usize> {
        if matches!(self.state, State::Closed) {
            return None;
        }
        let length = checked_length(length, self.max_packet_bytes());
        if length.is_none() {
            self.end_silently(End::Rejected);
        }
        length
    }

    /// Takes in a packet, kind and body. Whatever is wrong with it ends the connection, in silence.
    ///
    /// # Errors
    /// [`Error::Full`] while there are events to be taken; nothing has changed then.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), Error> {
        if matches!(self.state, State::Closed) {
            return Ok(());
        }
        if !self.events.is_empty() {
            return Err(Error::Full);
        }
        let within = packet.len() <= self.max_packet_bytes();
        let state = mem::replace(&mut self.state, State::Closed);
        let taken = match Kind::split(packet).filter(|_| within) {
            Some((kind, body)) => self.take(now, state, kind, (packet, body)),
            None => Err(Rejected),
        };
        if taken.is_err() {
            self.end_silently(End::Rejected);
        }
        Ok(())
    }

    /// The stream has ended.
    pub fn handle_end(&mut self) {
        if !matches!(self.state, State::Closed) {
            self.end_silently(End::Truncated);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        match mem::replace(&mut self.state, State::Closed) {
            State::Open(open) => self.begin_closing(now, open, Reason::Idle),
            _ => self.end_silently(End::TimedOut),
        }
    }

    /// `packet` is the whole of it, and its body.
    fn take(
        &mut self,
        now: Instant,
        state: State,
        kind: Kind,
        (packet, body): (&[u8], &[u8]),
    ) -> Result<(), Rejected> {
        match (state, kind) {
            (State::Accepted, Kind::Introduction) => self.take_introduction(body),
            (State::Accepted, Kind::Claim) => self.take_claim(packet, body),
            (State::Claimed(claim), Kind::Request) => {
                self.events.push_back(Event::Asks(Question::Known { claimed: claim.agent }));
                self.state = State::Asked(claim, body.to_vec());
                Ok(())
            }
            (State::Unconfirmed(unconfirmed), Kind::Transport) => {
                let mut open = unconfirmed.open;
                let plaintext = open.transport.open(body)?;
                // What it says must be right too, or nothing counts.
                if matches!(Record::decode(&plaintext)?, Record::Message(message) if message.len() > open.max_received_bytes)
                {
                    return Err(Rejected);
                }
                self.events.push_back(Event::Opened {
                    peer: open.peer,
                    counter: unconfirmed.counter,
                    early: unconfirmed.early,
                });
                self.take_record(now, Box::new(open), None, &plaintext)
            }
            (State::Pending(pending), Kind::Answer) => self.take_answer(now, *pending, body),
            (State::Open(mut open), Kind::Transport) => {
                let plaintext = open.transport.open(body)?;
                self.take_record(now, open, None, &plaintext)
            }
            (State::Closing(mut open, reason), Kind::Transport) => {
                let plaintext = open.transport.open(body)?;
                self.take_record(now, open, Some(reason), &plaintext)
            }
            _ => Err(Rejected),
        }
    }

    /// I: what it proves may be a repetition.
    fn take_introduction(&mut self, body: &[u8]) -> Result<(), Rejected> {
        let secret = self.agent.secret();
        let prologue = prologue_of_introduction();
        let mut exchange =
            Exchange::new(Pattern::Ik, Role::Responder, secret, None, &prologue).map_err(|_| Rejected)?;
        let Introduction { counter, agent, token, early } = Introduction::decode(&exchange.read(body)?)?;
        let static_key = self.usable(&agent)?;
        if exchange.remote_static() != Some(&static_key.0[..]) {
            return Err(Rejected);
        }
        self.events.push_back(Event::Asks(Question::Ticket { by: agent, token }));
        let agent = Agent::new(agent, static_key);
        self.state = State::AskedForTicket(Box::new(Introduced { exchange, agent, counter, early }));
        Ok(())
    }

    /// N: a claim that anybody can make who knows who this agent is.
    fn take_claim(&mut self, packet: &[u8], body: &[u8]) -> Result<(), Rejected> {
        let secret = self.agent.secret();
        let prologue = prologue_of_claim();
        let mut naming =
            Exchange::new(Pattern::N, Role::Responder, secret, None, &prologue).map_err(|_| Rejected)?;
        let agent = naming.read(body)?;
        let agent = IdentityKey(agent.as_slice().try_into().map_err(|_| Rejected)?);
        let static_key = self.usable(&agent)?;
        self.state = State::Claimed(Claim { agent, static_key, prologue: prologue_of_request(packet) });
        Ok(())
    }

    /// The X25519 key of an agent that is not this one.
    fn usable(&self, agent: &IdentityKey) -> Result<crate::keys::StaticKey, Rejected> {
        let key = static_key_of(agent).map_err(|_| Rejected)?;
        if key == self.agent.static_key() { Err(Rejected) } else { Ok(key) }
    }

    /// A: whoever made it has the responder's key, and is there now. So does the T that answers it say of this end.
    fn take_answer(&mut self, now: Instant, pending: Pending, body: &[u8]) -> Result<(), Rejected> {
        let Pending { mut exchange, agent, counter } = pending;
        let early = taken_early(&exchange.read(body)?)?;
        let limits = (self.limits.max_received_bytes, self.limits.max_sent_bytes);
        let mut open = Open::new(exchange, agent, limits, now).map_err(|_| Rejected)?;
        let confirmation = open.transport.seal(&Record::Nothing).map_err(|_| Rejected)?;
        self.unsent.push_back(confirmation);
        self.events.push_back(Event::Opened { peer: agent, counter, early });
        self.state = State::Open(Box::new(open));
        Ok(())
    }

    /// What a T says that has opened. `closing`: why this end has said CLOSE, if it has.
    fn take_record(
        &mut self,
        now: Instant,
        mut open: Box<Open>,
        closing: Option<Reason>,
        plaintext: &Zeroizing<Vec<u8>>,
    ) -> Result<(), Rejected> {
        match Record::decode(plaintext)? {
            Record::Nothing => {}
            Record::Message(message) if message.len() > open.max_received_bytes => return Err(Rejected),
            Record::Message(message) => self.events.push_back(Event::Message(message.to_vec())),
            Record::Close(reason) => {
                match closing {
                    Some(reason) => self.end(End::ByUs(reason)),
                    None => {
                        if let Ok(packet) = open.transport.seal(&Record::Close(reason)) {
                            self.unsent.push_back(packet);
                        }
                        self.end(End::ByPeer(reason));
                    }
                }
                return Ok(());
            }
        }
        self.state = match closing {
            Some(reason) => State::Closing(open, reason),
            None => {
                open.last_use = now;
                State::Open(open)
            }
        };
        Ok(())
    }
}
