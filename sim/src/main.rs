//! The program: runs seeds, on several threads, and says what failed.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use sim::{Coverage, Failure, Summary, run};

/// Runs whole nodes, their network, disks and clocks: everything follows from a seed.
#[derive(Parser)]
struct Args {
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 100)]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "K", default_value_t = 0)]
    from: u64,
    /// Only this one
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Print everything that happens
    #[arg(long)]
    trace: bool,
    /// How many at the same time
    #[arg(long, value_name = "N", default_value_t = 2)]
    jobs: u64,
    /// Print failures and the end only
    #[arg(long)]
    quiet: bool,
    /// Print how often what happened in all runs
    #[arg(long)]
    counts: bool,
}

/// What all runs came to.
#[derive(Default)]
struct Report {
    coverage: Coverage,
    failures: Vec<Failure>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let (from, count) = args.seed.map_or((args.from, args.seeds), |seed| (seed, 1));
    let began = Instant::now();
    let next = AtomicU64::new(from);
    let report = Mutex::new(Report::default());
    thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= from + count {
                    return Ok(());
                }
                let outcome = run(seed, args.trace)?;
                report.lock().unwrap_or_else(PoisonError::into_inner).add(outcome, args.quiet);
            }
        };
        let workers: Vec<_> = (0..args.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    if args.counts {
        report.coverage.counts().for_each(|(kind, count)| println!("{count:>10} {kind}"));
    }
    let lacking = report.coverage.lacking();
    for (kind, found, least) in &lacking {
        println!("too little happened: {kind} {found} times, and {least} are expected");
    }
    println!(
        "{count} seeds from {from}: {} failed, in {:.1} s",
        report.failures.len(),
        began.elapsed().as_secs_f64()
    );
    for Failure { seed, invariant, .. } in &report.failures {
        println!("to see it again: cargo xtask sim --seed {seed} --trace    # {invariant}");
    }
    let is_good = report.failures.is_empty() && lacking.is_empty();
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Report {
    fn add(&mut self, outcome: std::result::Result<Summary, Box<Failure>>, quiet: bool) {
        match outcome {
            Ok(summary) => {
                if !quiet {
                    println!("{summary}");
                }
                self.coverage.add(&summary);
            }
            Err(failure) => {
                println!("{failure}");
                self.failures.push(*failure);
            }
        }
    }
}
