//! The key schedule: from a chain to its epochs, from an epoch to its packets.

use shake::{ExtendableOutput, Shake256, Update, XofReader};

use crate::header::PathNumber;
use crate::secret::Secret;

/// How many packets share one call of the hash: their keys fill one block of SHAKE256.
const PACKETS_PER_BLOCK_BITS: u32 = 2;

fn shake256(input: &[u8], output: &mut [u8]) {
    let mut hash = Shake256::default();
    hash.update(input);
    hash.finalize_xof().read(output);
}

/// `c_{d,e}`: what the epochs from `e` on come from.
#[derive(Debug)]
pub(crate) struct ChainKey(Secret<32>);

/// `p_{d,e}`: what the packets of one epoch and direction come from.
#[derive(Debug)]
pub(crate) struct EpochKey(Secret<32>);

impl ChainKey {
    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        Self(Secret(*bytes))
    }

    /// `c_{d,e+1} | p_{d,e} = SHAKE256("epoch" | c_{d,e})[64]`
    pub(crate) fn step(&self) -> (Self, EpochKey) {
        let mut input = Secret::<37>::zero();
        input.0[..5].copy_from_slice(b"epoch");
        input.0[5..].copy_from_slice(&self.0.0);
        let mut output = Secret::<64>::zero();
        shake256(&input.0, &mut output.0);
        (Self(Secret::copy_of(&output.0[..32])), EpochKey(Secret::copy_of(&output.0[32..])))
    }
}

impl EpochKey {
    /// `SHAKE256("pkt" | p_{d,e} | path | n >> 2)[128]`, the keys of four packets
    fn derive(&self, path: PathNumber, block: u64, output: &mut [u8; 128]) {
        let mut input = Secret::<47>::zero();
        input.0[..3].copy_from_slice(b"pkt");
        input.0[3..35].copy_from_slice(&self.0.0);
        input.0[35..39].copy_from_slice(&path.0.to_le_bytes());
        input.0[39..].copy_from_slice(&block.to_le_bytes());
        shake256(&input.0, output);
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

    pub(crate) fn derived(key: &EpochKey, epoch: u64, path: PathNumber, number: u64) -> Self {
        let mut block = Self::empty();
        block.fill(key, epoch, path, number);
        block
    }

    /// Derives the block of `number` unless it is the one held.
    pub(crate) fn fill(&mut self, key: &EpochKey, epoch: u64, path: PathNumber, number: u64) {
        let wanted = (epoch, number >> PACKETS_PER_BLOCK_BITS);
        if self.holds != Some(wanted) {
            key.derive(path, wanted.1, &mut self.keys.0);
            self.holds = Some(wanted);
        }
    }

    /// `K = block[32 (n & 3) ..+ 32]`, if the block held is that of `number`.
    pub(crate) fn key(&self, epoch: u64, number: u64) -> Option<Secret<32>> {
        if self.holds != Some((epoch, number >> PACKETS_PER_BLOCK_BITS)) {
            return None;
        }
        let start = 32 * usize::from(number.to_le_bytes()[0] & 3);
        Some(Secret::copy_of(&self.keys.0[start..start + 32]))
    }
}
