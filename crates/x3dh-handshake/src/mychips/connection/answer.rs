//! The responder's answer to a question.

use std::{mem, time::Instant};

use rand_core::CryptoRng;

use super::{Claim, Connection, Introduced, Open, State, Unconfirmed};
use crate::{
    error::Error,
    mychips::{
        event::{Admission, Agent, End},
        exchange::{Exchange, Pattern},
        packet::{Kind, check_early, decode_request},
    },
    session::Role,
};

impl Connection {
    /// Lets somebody in who has asked, if they are who they say. Behind it the connection is
    /// [unconfirmed](super::Phase::Unconfirmed), with A to be sent, or closed: because K was not made with the key of
    /// the agent that N names, or the counter is not above the last one.
    ///
    /// # Errors
    /// [`Error::NotAsked`], [`Error::TooLong`]; nothing has changed then.
    pub fn admit(
        &mut self,
        now: Instant,
        admission: &Admission,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), Error> {
        check_early(&admission.early)?;
        let introduced = match mem::replace(&mut self.state, State::Closed) {
            State::AskedForTicket(introduced) => Ok(*introduced),
            State::Asked(claim, request) => self.prove(claim, &request),
            other => {
                self.state = other;
                return Err(Error::NotAsked);
            }
        };
        let answered = introduced.and_then(|introduced| self.answer(now, introduced, admission, rng));
        match answered {
            Ok((unconfirmed, packet)) => {
                self.unsent.push_back(packet);
                self.state = State::Unconfirmed(Box::new(unconfirmed));
            }
            Err(_) => self.end_silently(End::Rejected),
        }
        Ok(())
    }

    /// Turns somebody away who has asked: nothing is said.
    ///
    /// # Errors
    /// [`Error::NotAsked`]; nothing has changed then.
    pub fn refuse(&mut self) -> Result<(), Error> {
        if !matches!(self.state, State::Asked(..) | State::AskedForTicket(_)) {
            return Err(Error::NotAsked);
        }
        self.end_silently(End::Rejected);
        Ok(())
    }

    /// Opens K with the key of the agent that N has named.
    fn prove(&self, claim: Claim, request: &[u8]) -> Result<Introduced, Error> {
        let Claim { agent, static_key, prologue } = claim;
        let secret = self.agent.secret();
        let mut exchange = Exchange::new(Pattern::Kk, Role::Responder, secret, Some(&static_key), &prologue)?;
        let (counter, early) = decode_request(&exchange.read(request)?)?;
        Ok(Introduced { exchange, agent: Agent::new(agent, static_key), counter, early })
    }

    fn answer(
        &self,
        now: Instant,
        introduced: Introduced,
        admission: &Admission,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Unconfirmed, Vec<u8>), Error> {
        let Introduced { mut exchange, agent, counter, early } = introduced;
        if admission.last_counter.is_some_and(|last| counter <= last) {
            return Err(crate::error::Rejected.into());
        }
        let packet = exchange.write(Kind::Answer, &admission.early, rng)?;
        let received = admission.max_received_bytes.unwrap_or(self.limits.max_received_bytes);
        let sent = admission.max_sent_bytes.unwrap_or(self.limits.max_sent_bytes);
        let limits = (received.min(self.limits.max_received_bytes), sent.min(self.limits.max_sent_bytes));
        Ok((Unconfirmed { open: Open::new(exchange, agent, limits, now)?, counter, early }, packet))
    }
}
