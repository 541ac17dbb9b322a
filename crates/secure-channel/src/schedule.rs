//! The key schedule: from a chain to its epochs, from an epoch to its packets.

use shake::{ExtendableOutput, Shake256, Update, XofReader};

use crate::header::PathNumber;
use crate::secret::Secret;

/// How many packets share one call of the hash: their keys fill one block of SHAKE256.
const PACKETS_PER_BLOCK_BITS: u32 = 2;

/// No two uses hash the same bytes: their inputs begin differently, and those of one use differ in their lengths or
/// have the same fields at the same places.
pub(crate) fn shake256(inputs: &[&[u8]], output: &mut [u8]) {
    let mut hash = Shake256::default();
    inputs.iter().for_each(|input| hash.update(input));
    hash.finalize_xof().read(output);
}

/// `r_g`: what the chains of the generations after `g` come from.
#[derive(Debug)]
pub(crate) struct RootKey(Secret<32>);

/// `c_{d,e}`: what the epochs from `e` on come from.
#[derive(Debug)]
pub(crate) struct ChainKey(Secret<32>);

/// `p_{d,e}`: what the packets of one epoch and direction come from.
#[derive(Debug)]
pub(crate) struct EpochKey(Secret<32>);

impl RootKey {
    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        Self(Secret(*bytes))
    }

    /// `r_{g+1} | c_I | c_R = SHAKE256("rekey" | r_g | DH(x',y') | kem' | H(request, response))[96]`
    ///
    /// `fresh` is `DH | kem'`, 64 bytes or, in a suite without a KEM, 32.
    pub(crate) fn step(&self, fresh: &[u8], transcript: &[u8; 32]) -> (Self, ChainKey, ChainKey) {
        let mut output = Secret::<96>::zero();
        shake256(&[b"rekey", &self.0.0, fresh, transcript], &mut output.0);
        let part = |index: usize| Secret::copy_of(&output.0[32 * index..32 * (index + 1)]);
        (Self(part(0)), ChainKey(part(1)), ChainKey(part(2)))
    }
}

#[cfg(test)]
impl ChainKey {
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0.0
    }
}

#[cfg(test)]
impl EpochKey {
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0.0
    }
}

impl ChainKey {
    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        Self(Secret(*bytes))
    }

    /// `c_{d,e+1} | p_{d,e} = SHAKE256("epoch" | c_{d,e})[64]`
    pub(crate) fn step(&self) -> (Self, EpochKey) {
        let mut output = Secret::<64>::zero();
        shake256(&[b"epoch", &self.0.0], &mut output.0);
        (Self(Secret::copy_of(&output.0[..32])), EpochKey(Secret::copy_of(&output.0[32..])))
    }
}

impl EpochKey {
    /// `SHAKE256("pkt" | p_{d,e} | path | n >> 2)[128]`, the keys of four packets
    fn derive(&self, path: PathNumber, block: u64, output: &mut [u8; 128]) {
        shake256(&[b"pkt", &self.0.0, &path.0.to_le_bytes(), &block.to_le_bytes()], output);
    }
}

/// The keys of four consecutive packets of one path: the last answer of the hash, kept for the next three.
#[derive(Debug)]
pub(crate) struct KeyBlock {
    /// Which epoch and which `n >> 2` the keys are for; nothing yet when `None`.
    holds: Option<(u64, u64)>,
    keys: Secret<128>,
}

impl KeyBlock {
    pub(crate) const fn empty() -> Self {
        Self { holds: None, keys: Secret::zero() }
    }

    /// Whether the key of this packet is held.
    pub(crate) fn holds(&self, epoch: u64, number: u64) -> bool {
        self.holds == Some((epoch, number >> PACKETS_PER_BLOCK_BITS))
    }

    /// Derives the block that the key of this packet is in.
    pub(crate) fn fill(&mut self, key: &EpochKey, epoch: u64, path: PathNumber, number: u64) {
        let block = number >> PACKETS_PER_BLOCK_BITS;
        key.derive(path, block, &mut self.keys.0);
        self.holds = Some((epoch, block));
    }

    /// `K = block[32 (n & 3) ..+ 32]`. The caller has made sure that the block [holds](Self::holds) it.
    pub(crate) fn key(&self, number: u64) -> Secret<32> {
        let start = 32 * usize::from(number.to_le_bytes()[0] & 3);
        Secret::copy_of(&self.keys.0[start..start + 32])
    }
}
