//! `cargo xtask ci`: the one check. Every step runs even when an earlier one failed, and a table closes the run.

mod alone;
mod demo;
mod deny;
mod examples;
mod no_std;
mod steps;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::ci::steps::{STEPS, Step};
use crate::workspace::Workspace;

/// Which steps to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only this step (may be given several times)
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// List the steps and what each one checks
    #[arg(long)]
    list: bool,
}

/// What became of one step.
struct Report {
    step: &'static Step,
    took: Duration,
    outcome: Result<Note>,
}

/// What a step that passed has to add: empty, or what it could not check and why.
pub(crate) type Note = String;

/// Runs the chosen steps and fails if any of them failed.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.list {
        for step in STEPS {
            println!("{:<8} {}", step.name, step.about);
        }
        return Ok(());
    }
    let chosen = choose(&args.only)?;
    let count = chosen.len();
    let mut reports = Vec::new();
    for (index, step) in chosen.into_iter().enumerate() {
        println!("\n[{}/{count}] {}: {}", index + 1, step.name, step.about);
        let start = Instant::now();
        let outcome = (step.run)(workspace);
        if let Err(error) = &outcome {
            println!("{} failed: {error:#}", step.name);
        }
        reports.push(Report { step, took: start.elapsed(), outcome });
    }
    summarize(&reports)
}

fn choose(only: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = only.iter().find(|name| STEPS.iter().all(|step| step.name != name.as_str())) {
        bail!("no step `{unknown}`; `cargo xtask ci --list` names them");
    }
    Ok(STEPS.iter().filter(|step| only.is_empty() || only.iter().any(|name| name == step.name)).collect())
}

/// Prints the closing table. Its last line is `N passed, N failed`, which scripts can read.
fn summarize(reports: &[Report]) -> Result<()> {
    println!("\n{:<8} {:>8}  verdict", "step", "seconds");
    for Report { step, took, outcome } in reports {
        let verdict = match outcome {
            Ok(note) if note.is_empty() => "passed".to_owned(),
            Ok(note) => format!("passed ({note})"),
            Err(error) => format!("FAILED: {}", first_line(&format!("{error:#}"))),
        };
        println!("{:<8} {:>8.1}  {verdict}", step.name, took.as_secs_f64());
    }
    let total: Duration = reports.iter().map(|report| report.took).sum();
    println!("{:<8} {:>8.1}\n", "total", total.as_secs_f64());
    let failed: Vec<_> = reports.iter().filter(|report| report.outcome.is_err()).collect();
    for report in &failed {
        println!("to see it alone: cargo xtask ci --only {}", report.step.name);
    }
    println!("{} passed, {} failed", reports.len() - failed.len(), failed.len());
    if failed.is_empty() { Ok(()) } else { bail!("the check failed") }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcome: Result<Note>) -> Report {
        Report { step: &STEPS[0], took: Duration::ZERO, outcome }
    }

    #[test]
    fn one_failure_fails_the_run() {
        assert!(summarize(&[report(Ok(Note::new()))]).is_ok());
        assert!(summarize(&[report(Ok(Note::new())), report(Err(anyhow::anyhow!("no")))]).is_err());
    }

    #[test]
    fn only_known_steps_can_be_chosen() {
        let names = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(|&name| name.to_owned()).collect();
            choose(&only).map(|steps| steps.iter().map(|step| step.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        assert_eq!(names(&["test", "fmt"]).unwrap(), ["fmt", "test"]);
        assert!(names(&["tests"]).is_err());
    }
}
