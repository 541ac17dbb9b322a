//! The machine: what it is, and how steady it is.

use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

/// Steps of the fixed loop: some tens of milliseconds.
const STEPS: u64 = 30_000_000;

/// How long a fixed loop of arithmetic took, each time that it was run.
#[derive(Default)]
pub struct Calibration(Vec<f64>);

impl Calibration {
    /// Runs it once more.
    pub fn run(&mut self) {
        let started = Instant::now();
        let mut state = black_box(0x9e37_79b9_7f4a_7c15_u64);
        for step in 0..STEPS {
            state = (state ^ step).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(31);
        }
        black_box(state);
        self.0.push(started.elapsed().as_secs_f64() * 1e3);
    }

    /// What came of it.
    pub fn report(&mut self) -> String {
        self.0.sort_by(f64::total_cmp);
        let (Some(low), Some(high)) = (self.0.first(), self.0.last()) else { return "never run".to_owned() };
        let median = self.0.get(self.0.len() / 2).unwrap_or(low);
        format!(
            "a fixed loop before each turn took {median:.1} ms in the median of {}, {low:.1} to {high:.1} ms: {:.2}x",
            self.0.len(),
            high / low
        )
    }
}

/// What the figures hold for.
pub fn description() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("?", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}, commit {}", kernel.trim(), commit())
}

/// How busy it is, this process included.
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|text| !text.is_empty());
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "?".to_owned());
    if changed { format!("{commit} and changes") } else { commit }
}
