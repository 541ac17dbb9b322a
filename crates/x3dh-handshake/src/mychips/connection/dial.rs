//! The initiator's first packets.

use std::time::Instant;

use rand_core::CryptoRng;

use super::{Connection, Pending, State};
use crate::{
    error::Error,
    keys::IdentityKey,
    mychips::{
        agent::{AgentSecret, static_key_of},
        event::Agent,
        exchange::{Exchange, Pattern, prologue_of_claim, prologue_of_introduction, prologue_of_request},
        limits::Limits,
        packet::{Introduction, Kind, Token, check_early, encode_request},
    },
    session::Role,
};

/// Whom to dial, and how.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Who must answer.
    pub responder: IdentityKey,
    /// The ticket of a first contact (I); an agent that is known has none (N and K).
    pub token: Option<&'a Token>,
    /// Higher than in every I or K that was ever sent with this key: `max(microseconds since 1970, last + 1)`.
    pub counter: u64,
    /// What the layer above says first. Whoever steals the responder's key later can read it.
    pub early: &'a [u8],
}

impl Connection {
    /// The end that dials. Its first packets are there to be sent.
    ///
    /// # Errors
    /// [`Error::UnusableAgentId`], [`Error::SelfDial`], [`Error::TooLong`], [`Error::Primitive`].
    pub fn dial(
        now: Instant,
        agent: AgentSecret,
        limits: Limits,
        call: &Call<'_>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Error> {
        check_early(call.early)?;
        let remote = static_key_of(&call.responder)?;
        if remote == agent.static_key() {
            return Err(Error::SelfDial);
        }
        let secret = agent.secret();
        let mut packets = Vec::with_capacity(2);
        let exchange = match call.token {
            Some(token) => {
                let prologue = prologue_of_introduction();
                let mut exchange =
                    Exchange::new(Pattern::Ik, Role::Initiator, secret, Some(&remote), &prologue)?;
                let introduction = Introduction {
                    counter: call.counter,
                    agent: agent.id(),
                    token: token.clone(),
                    early: call.early.to_vec(),
                };
                packets.push(exchange.write(Kind::Introduction, &introduction.encode()?, rng)?);
                exchange
            }
            None => {
                let prologue = prologue_of_claim();
                let mut naming =
                    Exchange::new(Pattern::N, Role::Initiator, secret, Some(&remote), &prologue)?;
                let claim = naming.write(Kind::Claim, &agent.id().0, rng)?;
                let prologue = prologue_of_request(&claim);
                let mut exchange =
                    Exchange::new(Pattern::Kk, Role::Initiator, secret, Some(&remote), &prologue)?;
                let request = encode_request(call.counter, call.early);
                packets.push(claim);
                packets.push(exchange.write(Kind::Request, &request, rng)?);
                exchange
            }
        };
        let peer = Agent::new(call.responder, remote);
        let pending = State::Pending(Box::new(Pending { exchange, agent: peer, counter: call.counter }));
        let mut connection = Self::new(now, Role::Initiator, agent, limits, pending);
        connection.unsent.extend(packets);
        Ok(connection)
    }
}
