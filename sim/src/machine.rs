//! The machine that a node runs on, for one life of it: from power on to power off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use node::simulation::SimulatedMachine;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::world::{Keys, lock};

/// Handles of tasks, before those that are over are looked for.
const MANY_TASKS: usize = 256;

/// One machine, for one life.
pub(crate) struct Machine {
    /// Stays with whoever owns it.
    clock: Arc<Clock>,
    rng: Mutex<StdRng>,
    keys: Keys,
    on: AtomicBool,
    died: Notify,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Machine {
    pub(crate) fn new(clock: Arc<Clock>, rng: StdRng, keys: Keys) -> Self {
        let (on, died, tasks) = (AtomicBool::new(true), Notify::new(), Mutex::default());
        Self { clock, rng: Mutex::new(rng), keys, on, died, tasks }
    }

    /// Runs a task of its user, as long as there is power.
    pub(crate) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        if self.is_on() {
            let task = tokio::spawn(task);
            self.started(task.abort_handle());
        }
    }

    /// Whether it has power.
    pub(crate) fn has_power(&self) -> bool {
        self.is_on()
    }

    /// Takes its power. What runs on it stands still at once, and is gone a moment later.
    pub(crate) fn turn_off(&self) {
        self.on.store(false, Ordering::Relaxed);
        self.died.notify_waiters();
        lock(&self.tasks).drain(..).for_each(|task| task.abort());
    }

    /// Resolves when it has no power any more.
    pub(crate) async fn died(&self) {
        let died = self.died.notified();
        if self.is_on() {
            died.await;
        }
    }
}

impl SimulatedMachine for Machine {
    fn since_epoch(&self) -> Duration {
        self.clock.since_epoch()
    }

    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        lock(&self.rng).fill_bytes(&mut seed);
        seed
    }

    fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    fn started(&self, task: AbortHandle) {
        let mut tasks = lock(&self.tasks);
        if tasks.len() >= MANY_TASKS {
            tasks.retain(|task| !task.is_finished());
        }
        tasks.push(task);
    }

    fn work_takes(&self) -> Duration {
        let mut rng = lock(&self.rng);
        // A disk that syncs takes a few milliseconds, and sometimes very many.
        let most = if rng.random_bool(0.02) { 3_000_000 } else { 8_000 };
        Duration::from_micros(rng.random_range(50..most))
    }

    fn sealing(&self, key: u128) {
        self.keys.note(key);
    }
}
