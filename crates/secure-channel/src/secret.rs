//! Bytes that are erased when they are dropped and never shown.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, optimization_barrier};

/// Secret bytes. Erased with a plain store and a barrier, several times faster than byte-wise volatile stores:
/// this stands on the path of every packet.
pub(crate) struct Secret<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Secret<N> {
    pub(crate) const fn zero() -> Self {
        Self([0; N])
    }

    /// Copies `N` bytes from the front of `bytes`, which the caller has sized.
    pub(crate) fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self::zero();
        copy.0.copy_from_slice(bytes);
        copy
    }
}

impl<const N: usize> Zeroize for Secret<N> {
    fn zeroize(&mut self) {
        self.0 = [0; N];
        optimization_barrier(&self.0);
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
