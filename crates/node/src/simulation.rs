//! Machines that are simulated: for tests in which everything that happens follows from one number.
//!
//! This module is compiled with the feature `simulation` only, which no program that is built for use switches on, and
//! takes effect only where a [`Simulated`] is handed to [`Builder::simulated`](crate::Builder::simulated). A node on such a
//! machine has no secrets: whoever knows the seed knows its keys.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};

/// A machine that somebody makes up.
pub trait SimulatedMachine: Send + Sync + 'static {
    /// What its clock says.
    fn since_epoch(&self) -> Duration;

    /// The next seed of a generator: all randomness of the node follows from these.
    fn seed(&self) -> [u8; 32];

    /// Whether it has power. On a machine without it nothing runs, and nothing begins to.
    fn is_on(&self) -> bool;

    /// A task was started; when the power fails it has to be aborted.
    fn started(&self, task: AbortHandle);

    /// How long the next piece of work on a thread that may wait is put off.
    fn work_takes(&self) -> Duration;

    /// A packet is sealed with this key and nonce: a fingerprint of both.
    fn sealing(&self, key: u128);
}

/// A handle of a [`SimulatedMachine`]. Cheap to clone.
#[derive(Clone)]
pub struct Simulated(Arc<dyn SimulatedMachine>);

impl Simulated {
    /// A node may be started on this machine.
    #[must_use]
    pub fn new(machine: Arc<dyn SimulatedMachine>) -> Self {
        Self(machine)
    }

    pub(crate) fn since_epoch(&self) -> Duration {
        self.0.since_epoch()
    }

    pub(crate) fn seed(&self) -> [u8; 32] {
        self.0.seed()
    }

    pub(crate) fn note_key(&self, fingerprint: u128) {
        self.0.sealing(fingerprint);
    }

    /// Runs a task as long as there is power.
    pub(crate) fn spawn<F>(&self, runtime: &Handle, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let handle = runtime.spawn(Powered { machine: self.clone(), task: Box::pin(task) });
        if self.0.is_on() {
            self.0.started(handle.abort_handle());
        } else {
            handle.abort();
        }
        handle
    }

    /// Does work in its turn, on the one thread there is.
    pub(crate) async fn blocking<T>(&self, work: impl FnOnce() -> T) -> T {
        tokio::time::sleep(self.0.work_takes()).await;
        work()
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Simulated").finish_non_exhaustive()
    }
}

/// A task that stands still without power.
struct Powered<F> {
    machine: Simulated,
    task: Pin<Box<F>>,
}

impl<F: Future> Future for Powered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.machine.0.is_on() { self.task.as_mut().poll(context) } else { Poll::Pending }
    }
}
