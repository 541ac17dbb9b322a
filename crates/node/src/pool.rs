//! Buffers lent only while there is data: an idle session owns none.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::BytesMut;
use chunk_proto::Deflater;

use crate::sync::lock;

/// How many returned buffers to look at for one whose last borrower has let go of it.
const LOOK_AT: usize = 4;

/// Spare buffers of one size.
///
/// A returned buffer may still be in use: messages delivered from a read buffer are slices of it. It then waits at the
/// end of the queue, and is freed instead if the pool is full.
pub(crate) struct Pool {
    spare: Mutex<VecDeque<BytesMut>>,
    buffer_bytes: usize,
    max_spare: usize,
}

impl Pool {
    /// With one buffer, so that the first message does not wait for it.
    pub(crate) fn new(buffer_bytes: usize, max_spare: usize) -> Self {
        let spare = VecDeque::from([BytesMut::with_capacity(buffer_bytes)]);
        Self { spare: Mutex::new(spare), buffer_bytes, max_spare }
    }

    /// An empty buffer with room for `buffer_bytes`.
    pub(crate) fn lend(&self) -> BytesMut {
        let mut spare = lock(&self.spare);
        for _ in 0..LOOK_AT.min(spare.len()) {
            let Some(mut buffer) = spare.pop_front() else { break };
            if buffer.try_reclaim(self.buffer_bytes) {
                return buffer;
            }
            spare.push_back(buffer);
        }
        drop(spare);
        BytesMut::with_capacity(self.buffer_bytes)
    }

    /// Takes a buffer back.
    pub(crate) fn give_back(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut spare = lock(&self.spare);
        if spare.len() < self.max_spare {
            spare.push_back(buffer);
        }
    }

    /// Frees what is spare but one, as at first.
    pub(crate) fn shrink(&self) {
        let mut spare = lock(&self.spare);
        spare.truncate(1);
        spare.shrink_to(1);
    }
}

/// Compressors that are not in use: each weighs some 350 KiB once it was.
#[derive(Default)]
pub(crate) struct Deflaters(Mutex<Vec<Deflater>>);

/// As many as there may reasonably be cores that compress at the same time.
const MAX_SPARE_DEFLATERS: usize = 8;

impl Deflaters {
    /// Works with a compressor, used before if possible.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Deflater) -> T) -> T {
        let mut deflater = lock(&self.0).pop().unwrap_or_default();
        let result = work(&mut deflater);
        let mut spare = lock(&self.0);
        if spare.len() < MAX_SPARE_DEFLATERS {
            spare.push(deflater);
        }
        result
    }

    /// Frees all that are not in use.
    pub(crate) fn shrink(&self) {
        drop(std::mem::take(&mut *lock(&self.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_is_lent_again() {
        let pool = Pool::new(1000, 2);
        let mut buffer = pool.lend();
        buffer.extend_from_slice(b"data");
        let address = buffer.as_ptr();
        pool.give_back(buffer);
        let again = pool.lend();
        assert!(again.is_empty() && again.capacity() >= 1000);
        assert_eq!(again.as_ptr(), address);
    }

    #[test]
    fn a_buffer_still_in_use_is_not_lent() {
        let pool = Pool::new(1000, 2);
        let mut buffer = pool.lend();
        buffer.extend_from_slice(b"message and more");
        let message = buffer.split_to(7).freeze();
        pool.give_back(buffer);
        let mut other = pool.lend();
        other.extend_from_slice(&[b'x'; 1000]);
        assert_eq!(message, &b"message"[..]);
        drop(message);
        assert_eq!(lock(&pool.spare).len(), 1);
        assert!(pool.lend().capacity() >= 1000);
        assert_eq!(lock(&pool.spare).len(), 0, "now it was free");
    }

    #[test]
    fn keeps_no_more_than_its_bound() {
        let pool = Pool::new(10, 2);
        let lent: Vec<_> = (0..5).map(|_| pool.lend()).collect();
        for buffer in lent {
            pool.give_back(buffer);
        }
        assert_eq!(lock(&pool.spare).len(), 2);
    }

    #[test]
    fn keeps_one_when_all_others_are_to_be_freed() {
        let pool = Pool::new(10, 4);
        let lent: Vec<_> = (0..3).map(|_| pool.lend()).collect();
        pool.shrink();
        for buffer in lent {
            pool.give_back(buffer);
        }
        assert_eq!(lock(&pool.spare).len(), 3, "those that were lent come back");
        pool.shrink();
        assert_eq!(lock(&pool.spare).len(), 1);
        let deflaters = Deflaters::default();
        deflaters.with(|_| ());
        deflaters.shrink();
        assert_eq!(lock(&deflaters.0).len(), 0);
    }
}
