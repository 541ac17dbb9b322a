//! Dialing an agent.

use std::net::SocketAddr;
use std::sync::Arc;

use membership::IdentityKey;
use tokio::sync::oneshot;
use x3dh_handshake::mychips::{self, Token};

use super::connection::Connection;
use super::driver::Driver;
use super::error::CallError;
use crate::clock;
use crate::node::Node;

/// Whom to dial, and how.
#[derive(Debug, Clone)]
pub struct Call {
    /// Where.
    pub address: SocketAddr,
    /// Who must answer.
    pub agent: IdentityKey,
    /// The ticket of a first contact: it names who must answer, so that they need not be a member.
    pub token: Option<Token>,
    /// What is said first. Whoever steals the agent's key later can read it.
    pub early: Vec<u8>,
}

impl Call {
    /// A call of a member, with nothing said early.
    #[must_use]
    pub fn new(address: SocketAddr, agent: IdentityKey) -> Self {
        Self { address, agent, token: None, early: Vec::new() }
    }
}

impl Node {
    /// Dials an agent. The connection is there when the agent has proven its key.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn mychips_call(&self, call: Call) -> Result<Connection, CallError> {
        let core = self.core();
        let hub = core.mychips.as_ref().ok_or(CallError::Off)?;
        if call.token.is_none() && !core.agent_may(&call.agent) {
            return Err(CallError::NotAMember(call.agent));
        }
        let mut limits = hub.limits;
        if call.token.is_none() {
            let sizes = core.agent_sizes(&call.agent, None);
            limits.max_received_bytes = limits.max_received_bytes.min(sizes.received_bytes);
            limits.max_sent_bytes = limits.max_sent_bytes.min(sizes.sent_bytes);
        }
        let began = clock::now();
        let counter = hub.counter.next(&core.machine).await.map_err(CallError::Counter)?;
        let what =
            mychips::Call { responder: call.agent, token: call.token.as_ref(), counter, early: &call.early };
        let mut rng = core.randomness.generator();
        let line = mychips::Connection::dial(began, hub.agent.clone(), limits, &what, &mut rng)?;
        let connecting = tokio::time::timeout(limits.handshake_timeout, core.transport.dial(call.address));
        let carrier = connecting.await.map_err(|_| CallError::NoAnswer)?.map_err(CallError::Connect)?;
        let (opened, outcome) = oneshot::channel();
        let trusted = call.token.is_some();
        let driver = Driver::dialed(Arc::clone(core), Arc::clone(hub), carrier, line, trusted, opened)
            .ok_or(CallError::ShuttingDown)?;
        core.machine.spawn(driver.run());
        outcome.await.map_err(|_| CallError::NoAnswer)
    }
}
