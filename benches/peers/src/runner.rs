//! Gives every system its turns, each in a process of its own and with a deadline, and keeps what they find out.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::figure::Findings;
use crate::machine::Calibration;
use crate::mode::{Load, Mode};
use crate::options::Options;
use crate::systems::Entry;
use crate::turn::{DIAL, QUICK};

/// A system's turns in one mode with so many sessions.
type Place = (&'static str, &'static str, usize);

/// What came of all turns.
#[derive(Default)]
pub struct Outcomes {
    found: HashMap<Place, Vec<Findings>>,
    /// What went wrong: the system, the mode, how many sessions, and why.
    pub failures: Vec<(&'static str, Mode, usize, String)>,
    /// How steady the machine was.
    pub calibration: Calibration,
}

impl Outcomes {
    /// Every value that was found for this key.
    pub fn values(&self, system: &'static str, mode: Mode, sessions: usize, key: &str) -> Vec<f64> {
        let found = self.found.get(&(system, mode.name(), sessions)).map_or(&[][..], Vec::as_slice);
        found.iter().filter_map(|findings| findings.value(key)).collect()
    }

    /// Whether turns of this mode failed.
    pub fn failed(&self, system: &str, mode: Mode) -> bool {
        self.failures.iter().any(|&(name, of, ..)| name == system && of == mode)
    }
}

/// All turns, in an order that begins with another system each round.
pub async fn run(options: &Options) -> Result<Outcomes> {
    let mut outcomes = Outcomes::default();
    for &mode in &options.modes {
        for round in 0..options.rounds {
            for &sessions in Load::steps(options.quick, mode) {
                let able = |entry: &&&'static Entry| entry.gaps.iter().all(|&(gap, _)| gap != mode);
                let mut systems: Vec<_> = options.systems.iter().filter(able).copied().collect();
                let first = round % systems.len().max(1);
                systems.rotate_left(first);
                for entry in systems {
                    turn(&mut outcomes, entry, mode, sessions, options.quick).await;
                }
            }
        }
    }
    Ok(outcomes)
}

async fn turn(outcomes: &mut Outcomes, entry: &'static Entry, mode: Mode, sessions: usize, quick: bool) {
    outcomes.calibration.run();
    let started = Instant::now();
    let taken = take(entry, mode, sessions, quick).await;
    let seconds = started.elapsed().as_secs_f64();
    match taken {
        Ok(findings) => {
            eprintln!("{} {} {sessions}: {seconds:.1} s", mode.name(), entry.name);
            outcomes.found.entry((entry.name, mode.name(), sessions)).or_default().push(findings);
        }
        Err(error) => {
            eprintln!("{} {} {sessions}: failed after {seconds:.1} s: {error:#}", mode.name(), entry.name);
            outcomes.failures.push((entry.name, mode, sessions, format!("{error:#}")));
        }
    }
}

/// One turn. Its process is killed at the deadline, and the accepting process with it: nobody asks it any more.
async fn take(entry: &Entry, mode: Mode, sessions: usize, quick: bool) -> Result<Findings> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([DIAL, entry.name, mode.name(), &sessions.to_string(), if quick { QUICK } else { "full" }]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(mode.deadline(), command.output())
        .await
        .with_context(|| format!("not done after {} s", mode.deadline().as_secs()))??;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        bail!("{last}");
    }
    Findings::parse(&String::from_utf8_lossy(&output.stdout))
}
