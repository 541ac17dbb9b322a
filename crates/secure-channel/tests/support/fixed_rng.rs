//! Randomness that is written down.
#![allow(dead_code, unreachable_pub)]

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// Gives the bytes it was made with, in order, and never more.
#[derive(Debug)]
pub struct FixedRng<'a>(pub &'a [u8]);

impl TryRng for FixedRng<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let (head, tail) = self.0.split_at(bytes.len());
        bytes.copy_from_slice(head);
        self.0 = tail;
        Ok(())
    }
}

impl TryCryptoRng for FixedRng<'_> {}
