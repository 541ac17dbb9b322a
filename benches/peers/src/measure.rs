//! Time, processor time and memory of the processes that take part.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use benches::Part;

/// The accepting end, as the dialing process sees it.
pub enum Far<H> {
    /// In this process.
    Here(H),
    /// In one of its own.
    There(Part),
}

/// What the dialing process asks the other for.
pub const CPU: &str = "cpu";

impl<H> Far<H> {
    /// Processor time of all processes that take part, all threads, those that have ended too.
    pub fn cpu_time(&mut self) -> Result<Duration> {
        let own = cpu_time()?;
        let Self::There(part) = self else { return Ok(own) };
        part.tell(CPU);
        let nanoseconds = part.hear().parse().context("no processor time")?;
        Ok(own + Duration::from_nanos(nanoseconds))
    }

    /// What the accepting process occupies.
    pub fn resident_bytes(&self) -> Result<u64> {
        match self {
            Self::Here(_) => resident_bytes(),
            Self::There(part) => Ok(part.resident_bytes()),
        }
    }
}

/// Processor time of this process: what `getrusage` counts, in nanoseconds.
pub fn cpu_time() -> Result<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Ok(Duration::new(time.tv_sec.try_into()?, time.tv_nsec.try_into()?))
}

/// What this process occupies.
pub fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim_end().parse()?;
    Ok(kib * 1024)
}

/// A measurement under way.
pub struct Run {
    cpu: Duration,
    started: Instant,
}

/// What it cost.
pub struct Cost {
    /// From the first message to the last answer.
    pub wall: f64,
    /// Seconds of all processes.
    pub cpu: f64,
}

impl Run {
    /// From now.
    pub fn start<H>(far: &mut Far<H>) -> Result<Self> {
        Ok(Self { cpu: far.cpu_time()?, started: Instant::now() })
    }

    /// Until now.
    pub fn stop<H>(self, far: &mut Far<H>) -> Result<Cost> {
        let wall = self.started.elapsed().as_secs_f64();
        let cpu = far.cpu_time()?.saturating_sub(self.cpu).as_secs_f64();
        Ok(Cost { wall, cpu })
    }
}

/// Bytes that neither repeat nor compress.
pub fn random(bytes: usize) -> Vec<u8> {
    use rand::Rng as _;
    let mut buffer = vec![0; bytes];
    rand::rng().fill_bytes(&mut buffer);
    buffer
}
