//! Time, processor time and memory.

use std::time::{Duration, Instant};

/// What one run of one mode on one stack cost.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// From the first message to the last answer.
    pub wall: Duration,
    /// Of all threads of this process: both ends.
    pub cpu: Duration,
    /// How many of what the mode counts.
    pub count: usize,
    /// Of each of them alone, sorted; only where the mode looks at single ones.
    pub each: Vec<Duration>,
    /// Resident memory per session.
    pub bytes: f64,
}

/// A run under way.
pub struct Run {
    started: Instant,
    cpu: Duration,
}

impl Run {
    pub fn start() -> Self {
        Self { cpu: cpu_time(), started: Instant::now() }
    }

    pub fn stop(self, count: usize, mut each: Vec<Duration>) -> Sample {
        let wall = self.started.elapsed();
        each.sort_unstable();
        Sample { wall, cpu: cpu_time() - self.cpu, count, each, bytes: 0.0 }
    }
}

/// Processor time of this process, all threads, those that have ended too.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// Bytes that neither repeat nor compress.
pub fn random(bytes: usize) -> bytes::Bytes {
    use rand::Rng;
    let mut buffer = vec![0; bytes];
    rand::rng().fill_bytes(&mut buffer);
    buffer.into()
}
