//! Locks. None is held across an await or around a callback.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whether or not a thread panicked while it held the lock.
///
/// Every change under a lock of this crate is one call into a layer that computes first and commits then, so what
/// a panic leaves behind is still consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
