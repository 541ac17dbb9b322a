//! The machine that a node runs on: its date, its tasks, its threads that may wait, and where its randomness begins.

use std::future::Future;
use std::io;
use std::time::{Duration, SystemTime};

use endpoint::Now;
use membership::UnixSeconds;
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::clock;
#[cfg(feature = "simulation")]
use crate::simulation::Simulated;

/// The machine that a node runs on. Cheap to clone.
///
/// With the feature `simulation` another can take its place, if it is handed to the builder: then nothing that a node does
/// depends on anything but its inputs. Without that feature, as in every program that is built for use, there is none but
/// the one that the process runs on.
#[derive(Clone)]
pub(crate) struct Machine {
    runtime: Handle,
    #[cfg(feature = "simulation")]
    simulated: Option<Simulated>,
}

/// Work that was handed to a thread that may wait has not come to its end: it panicked, or the runtime has ended.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the work was not done: it panicked, or the process ends")]
pub(crate) struct NotDone;

impl Machine {
    /// The one that this process runs on, with the runtime of the caller.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn current() -> Self {
        Self {
            runtime: Handle::current(),
            #[cfg(feature = "simulation")]
            simulated: None,
        }
    }

    /// Runs a task.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        #[cfg(feature = "simulation")]
        if let Some(simulated) = &self.simulated {
            return simulated.spawn(&self.runtime, task);
        }
        self.runtime.spawn(task)
    }

    /// Does what waits for a disk, or takes long, on a thread that may be busy. Dropped, the work goes on.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        #[cfg(feature = "simulation")]
        if let Some(simulated) = &self.simulated {
            return Ok(simulated.blocking(work).await);
        }
        self.runtime.spawn_blocking(work).await.map_err(|_| NotDone)
    }

    /// Fills `seed` with randomness of the operating system: this is the only place that draws it.
    ///
    /// # Errors
    /// It has none to give.
    pub(crate) fn fill_random(&self, seed: &mut [u8; 32]) -> io::Result<()> {
        #[cfg(feature = "simulation")]
        if let Some(simulated) = &self.simulated {
            *seed = simulated.seed();
            return Ok(());
        }
        SysRng.try_fill_bytes(seed).map_err(io::Error::other)
    }

    /// Time since the Unix epoch; zero on a clock set before it.
    pub(crate) fn since_epoch(&self) -> Duration {
        #[cfg(feature = "simulation")]
        if let Some(simulated) = &self.simulated {
            return simulated.since_epoch();
        }
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    /// Today, in seconds.
    pub(crate) fn date(&self) -> UnixSeconds {
        // A clock beyond the year 9999 is as wrong as one that says 9999.
        UnixSeconds::new(self.since_epoch().as_secs()).unwrap_or(UnixSeconds::MAX)
    }

    /// Both clocks, for the control plane.
    pub(crate) fn now(&self) -> Now {
        Now { instant: clock::now(), date: self.date() }
    }
}

#[cfg(feature = "simulation")]
impl Machine {
    /// One that is simulated, on the runtime of the caller.
    pub(crate) fn simulated(simulated: Simulated) -> Self {
        Self { runtime: Handle::current(), simulated: Some(simulated) }
    }

    /// A packet is sealed with this key and nonce.
    pub(crate) fn note_key(&self, fingerprint: u128) {
        if let Some(simulated) = &self.simulated {
            simulated.note_key(fingerprint);
        }
    }
}
