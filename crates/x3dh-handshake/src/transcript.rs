//! The running hash `h` and the chaining key `ck` of the X3DH suites (PROTOCOL §5.1).

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    aead::MessageKey,
    error::{Error, Rejected},
    hash::{derive, hash},
    keys::{IdentityKey, StaticKey},
    suite::Suite,
};

/// `h` and `ck`. Cloned only where a packet that fails must leave the state as it was.
///
/// On the heap, so that handing a state on from stage to stage leaves no copies of `ck` on the stack.
#[derive(Clone)]
pub(crate) struct Transcript(Box<State>);

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct State {
    hash: [u8; 32],
    chain: [u8; 32],
}

impl Transcript {
    /// `h0 = ck0 = H(protocol name, Id_R, B)`
    pub(crate) fn new(suite: Suite, responder: &IdentityKey, static_key: &StaticKey) -> Self {
        let start = hash(suite.protocol_name(), &[&responder.0, &static_key.0]);
        Self(Box::new(State { hash: start, chain: start }))
    }

    /// `h' = H("Conclave1 mix", h, data)`
    pub(crate) fn absorb(&mut self, data: &[u8]) {
        self.0.hash = hash("Conclave1 mix", &[&self.0.hash, data]);
    }

    /// `ck' | k = derive("Conclave1 " + label, ck, secret)[64]`
    pub(crate) fn mix_key(&mut self, label: &str, secret: &[u8]) -> MessageKey {
        let mut output = Zeroizing::new([0; 64]);
        derive(label, &[&self.0.chain, secret], &mut output[..]);
        let mut key = [0; 32];
        self.0.chain.copy_from_slice(&output[..32]);
        key.copy_from_slice(&output[32..]);
        MessageKey(key)
    }

    /// `ck' | k | m = derive("Conclave1 psk", ck, psk)[96]`, where the psk is empty if there is no ticket.
    pub(crate) fn mix_psk(&mut self, psk: &[u8]) -> (MessageKey, Zeroizing<[u8; 32]>) {
        let mut output = Zeroizing::new([0; 96]);
        derive("Conclave1 psk", &[&self.0.chain, psk], &mut output[..]);
        let mut key = [0; 32];
        let mut reply_key = Zeroizing::new([0; 32]);
        self.0.chain.copy_from_slice(&output[..32]);
        key.copy_from_slice(&output[32..64]);
        reply_key.copy_from_slice(&output[64..]);
        (MessageKey(key), reply_key)
    }

    /// Appends `c = AEAD(k, h, plaintext)` to the packet; `h' = H("Conclave1 mix", h, c)`.
    pub(crate) fn seal(
        &mut self,
        key: MessageKey,
        plaintext: &[u8],
        packet: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let start = packet.len();
        key.seal(&self.0.hash, plaintext, packet)?;
        self.absorb(&packet[start..]);
        Ok(())
    }

    /// Opens `c` into `out`; `h' = H("Conclave1 mix", h, c)`. If it does not open, `h` stays.
    pub(crate) fn open(&mut self, key: MessageKey, sealed: &[u8], out: &mut [u8]) -> Result<(), Rejected> {
        key.open(&self.0.hash, sealed, out)?;
        self.absorb(sealed);
        Ok(())
    }

    pub(crate) fn hash(&self) -> &[u8; 32] {
        &self.0.hash
    }

    pub(crate) fn chain(&self) -> &[u8; 32] {
        &self.0.chain
    }
}
