//! Locks that outlive a panic of whoever held them: every change under them is whole before anything can panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is tried in every interleaving: of the standard library, or of loom while that is done.
pub(crate) mod tried {
    #[cfg(not(all(test, loom)))]
    pub(crate) use super::lock;
    #[cfg(all(test, loom))]
    pub(crate) use loom::sync::Mutex;
    #[cfg(all(test, loom))]
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
    #[cfg(not(all(test, loom)))]
    pub(crate) use std::sync::Mutex;
    #[cfg(not(all(test, loom)))]
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

    #[cfg(all(test, loom))]
    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> loom::sync::MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
