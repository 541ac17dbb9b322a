//! What the command line says.

use anyhow::{Result, bail};
use clap::Parser as _;

use crate::mode::Mode;
use crate::systems::{self, Entry};

/// Conclave beside other ways to talk between machines, in one run on loopback.
#[derive(clap::Parser)]
struct Line {
    /// How often each turn is taken; 5, or 1 with `--quick`
    #[arg(long)]
    rounds: Option<usize>,
    /// Only these systems
    #[arg(long, value_delimiter = ',', value_name = "SYSTEM,…")]
    only: Vec<String>,
    /// Only these modes: bulk, rtt, rate, connect, idle, growth
    #[arg(long, value_delimiter = ',', value_name = "MODE,…")]
    modes: Vec<String>,
    /// A little of everything, to see that it works
    #[arg(long)]
    quick: bool,
}

/// What is to be measured.
pub struct Options {
    /// How often.
    pub rounds: usize,
    /// On what.
    pub systems: Vec<&'static Entry>,
    /// In which modes.
    pub modes: Vec<Mode>,
    /// Whether only a little of it.
    pub quick: bool,
}

impl Options {
    /// Reads the command line, and leaves with a message if it makes no sense.
    pub fn read() -> Result<Self> {
        let Line { rounds, only, modes, quick } = Line::parse();
        for name in &only {
            if systems::named(name).is_none() {
                let known: Vec<_> = systems::ALL.iter().map(|entry| entry.name).collect();
                bail!("no system `{name}`; there are {}", known.join(", "));
            }
        }
        let mut chosen = Vec::new();
        for name in &modes {
            let Some(mode) = Mode::named(name) else { bail!("no mode `{name}`; see --help") };
            chosen.push(mode);
        }
        let systems =
            systems::ALL.iter().filter(|entry| only.is_empty() || only.iter().any(|n| n == entry.name));
        let modes = Mode::ALL.into_iter().filter(|mode| modes.is_empty() || chosen.contains(mode));
        let rounds = rounds.unwrap_or(if quick { 1 } else { 5 });
        Ok(Self { rounds, systems: systems.collect(), modes: modes.collect(), quick })
    }
}
