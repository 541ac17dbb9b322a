//! The generators of a node, made of its [machine](crate::machine)'s randomness.

use std::convert::Infallible;
use std::io;
use std::sync::Mutex;

use chacha20::ChaCha20Rng;
use rand::{Rng, SeedableRng, TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use crate::machine::Machine;
use crate::sync::lock;

/// Where the generators of a node come from.
///
/// Each is seeded by the operating system and, in case that should ever fail after the start, by a generator of the
/// node's own, so that nothing below has to know what to do without randomness. All erase themselves.
pub(crate) struct Randomness {
    root: Mutex<ChaCha20Rng>,
    machine: Machine,
}

impl Randomness {
    /// # Errors
    /// The operating system has no randomness to give.
    pub(crate) fn of(machine: &Machine) -> io::Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        machine.fill_random(&mut seed)?;
        Ok(Self { root: Mutex::new(ChaCha20Rng::from_seed(*seed)), machine: machine.clone() })
    }

    /// A generator for one handshake.
    pub(crate) fn generator(&self) -> ChaCha20Rng {
        let mut seed = Zeroizing::new([0; 32]);
        lock(&self.root).fill_bytes(&mut seed[..]);
        let mut fresh = Zeroizing::new([0; 32]);
        if self.machine.fill_random(&mut fresh).is_ok() {
            seed.iter_mut().zip(fresh.iter()).for_each(|(byte, fresh)| *byte ^= fresh);
        }
        ChaCha20Rng::from_seed(*seed)
    }

    /// A generator for those who mostly do not need one: it is made when it is first asked.
    pub(crate) fn on_demand(&self) -> OnDemand<'_> {
        OnDemand { source: self, generator: None }
    }
}

/// See [`Randomness::on_demand`].
pub(crate) struct OnDemand<'a> {
    source: &'a Randomness,
    generator: Option<ChaCha20Rng>,
}

impl OnDemand<'_> {
    fn generator(&mut self) -> &mut ChaCha20Rng {
        self.generator.get_or_insert_with(|| self.source.generator())
    }
}

impl TryRng for OnDemand<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.generator().next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.generator().next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.generator().fill_bytes(bytes);
        Ok(())
    }
}

impl TryCryptoRng for OnDemand<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_two_generators_are_alike() {
        let randomness = Randomness::of(&Machine::current()).unwrap();
        let mut on_demand = randomness.on_demand();
        let draws =
            [randomness.generator().next_u64(), randomness.generator().next_u64(), on_demand.next_u64()];
        assert!(draws[0] != draws[1] && draws[1] != draws[2] && draws[0] != draws[2]);
        assert_ne!(on_demand.next_u64(), draws[2], "one generator goes on");
    }
}
