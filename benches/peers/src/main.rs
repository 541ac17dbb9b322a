//! Conclave beside other ways to talk between machines, measured in one run on loopback.
//!
//! `cargo xtask bench --peers -- [--rounds N] [--only SYSTEM,…] [--modes MODE,…] [--quick]` prints one table: medians
//! over the rounds, the ratio to mutual TLS with X25519MLKEM768, and how far the rounds lie apart. Each turn of each
//! system is a process of its own, with a tokio runtime of two workers, that holds both ends; where a footnote says so,
//! and to measure memory and growth, each end is one.
#![allow(clippy::as_conversions)]

mod crowd;
mod figure;
mod machine;
mod measure;
mod mode;
mod options;
mod runner;
mod system;
mod systems;
mod table;
mod turn;
mod work;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Builder;

use crate::mode::{Load, Mode};
use crate::options::Options;

/// Of each process that takes part.
const WORKERS: usize = 2;
/// Both ends of 10,000 sessions in one process, and some.
const OPEN_FILES: u64 = 65_536;

fn main() -> ExitCode {
    match begin() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn begin() -> Result<()> {
    raise_open_files();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [turn::DIAL, system, mode, sessions, amount] => {
            let (entry, mode) = named(system, mode)?;
            let sessions = sessions.parse()?;
            take_part((entry.dial)(mode, Load { sessions, ..Load::new(*amount == turn::QUICK) }))
        }
        [turn::ACCEPT, system, mode] => {
            let (entry, mode) = named(system, mode)?;
            take_part((entry.accept)(mode))
        }
        _ => measure(&Options::read()?),
    }
}

fn named(system: &str, mode: &str) -> Result<(&'static systems::Entry, Mode)> {
    let entry = systems::named(system).with_context(|| format!("no system {system}"))?;
    Ok((entry, Mode::named(mode).with_context(|| format!("no mode {mode}"))?))
}

/// Runs one end or both on a runtime of their own.
fn take_part(part: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    // On a worker, as the peers of a server would be, and not on this thread.
    let outcome = runtime.block_on(runtime.spawn(part));
    runtime.shutdown_background();
    match outcome {
        Ok(outcome) => outcome,
        Err(panicked) => bail!("{panicked}"),
    }
}

fn measure(options: &Options) -> Result<()> {
    let before = machine::load_average();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut outcomes = runtime.block_on(runner::run(options))?;
    println!("{}\n", machine::description());
    print!("{}", table::of_modes(options, &outcomes));
    println!("\n{}", table::of_growth(options, &outcomes));
    println!("{}", table::of_failures(&outcomes));
    println!(
        "Rounds: {}. In brackets the ratio to mutual TLS with X25519MLKEM768, and after ~ the largest",
        options.rounds
    );
    println!("value of the rounds over the smallest. Noise: {};", outcomes.calibration.report());
    println!("load average {before} before, {} after the run.", machine::load_average());
    Ok(())
}

/// As many as the system lets this process have; growth says what is missing.
fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: Some(OPEN_FILES), maximum: maximum.map(|most| most.max(OPEN_FILES)) };
    if setrlimit(Resource::Nofile, wanted).is_err() {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}
