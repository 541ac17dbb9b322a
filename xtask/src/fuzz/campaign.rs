//! Every target for its share of some minutes, two at a time; a table closes the run.

use std::fs::{self, File};
use std::panic::resume_unwind;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::session::{self, Statistics};
use super::smoke::JOBS;
use super::weights::shares;
use crate::workspace::Workspace;

/// Below this, libFuzzer hardly gets through the corpus.
const LEAST_SHARE: Duration = Duration::from_secs(5);

/// What came of one target.
struct Report {
    name: String,
    share: Duration,
    outcome: Result<Statistics>,
}

/// Runs each target for its share of `total`.
pub(super) fn run(workspace: &Workspace, targets: &[String], total: Duration) -> Result<()> {
    let shares = shares(targets, total)?;
    let waiting = Mutex::new(shares.into_iter());
    let mut reports: Vec<Report> = thread::scope(|scope| {
        let worker = || {
            let mut reports = Vec::new();
            loop {
                let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
                let Some((name, share)) = next else { return reports };
                let share = share.max(LEAST_SHARE);
                let outcome = execute(workspace, &name, share);
                println!("{name}: {}", told(&outcome));
                reports.push(Report { name, share, outcome });
            }
        };
        let workers: Vec<_> = (0..JOBS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|p| resume_unwind(p))).collect()
    });
    reports.sort_by(|a, b| a.name.cmp(&b.name));
    summarize(&reports)
}

fn execute(workspace: &Workspace, name: &str, share: Duration) -> Result<Statistics> {
    let logs = session::target_folder(workspace).join("logs");
    fs::create_dir_all(&logs)?;
    let path = logs.join(name);
    let found = session::found_folder(workspace, name);
    let mut command = session::command(workspace, name, &found, share)?;
    let status = command.stdout(Stdio::null()).stderr(File::create(&path)?).status()?;
    let log = fs::read(&path).with_context(|| path.display().to_string())?;
    ensure!(status.success(), "{status}, see {}", path.display());
    Statistics::read(&String::from_utf8_lossy(&log))
}

fn told(outcome: &Result<Statistics>) -> String {
    match outcome {
        Ok(Statistics { executed, added, edges }) => {
            format!("{executed} inputs, {edges} edges, {added} new inputs kept, nothing found")
        }
        Err(error) => format!("FAILED: {error:#}"),
    }
}

/// Prints the closing table, and fails if anything was found.
fn summarize(reports: &[Report]) -> Result<()> {
    println!("\n| target | seconds | inputs | edges | new inputs kept | outcome |");
    println!("|---|---:|---:|---:|---:|---|");
    for Report { name, share, outcome } in reports {
        let seconds = share.as_secs();
        match outcome {
            Ok(Statistics { executed, added, edges }) => {
                println!("| `{name}` | {seconds} | {executed} | {edges} | {added} | nothing found |");
            }
            Err(_) => println!("| `{name}` | {seconds} | | | | **failed** |"),
        }
    }
    let executed: u64 = reports.iter().filter_map(|it| it.outcome.as_ref().ok()).map(|it| it.executed).sum();
    let time: Duration = reports.iter().map(|report| report.share).sum();
    println!("\n{} targets, {} s, {executed} inputs", reports.len(), time.as_secs());
    let failed: Vec<_> = reports.iter().filter(|it| it.outcome.is_err()).map(|it| it.name.as_str()).collect();
    if !failed.is_empty() {
        bail!("targets failed: {}", failed.join(", "));
    }
    Ok(())
}
