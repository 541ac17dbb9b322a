//! `cargo xtask model`: puts the models of the handshake in `docs/model` to a symbolic prover, and compares what it finds
//! with what is expected.

mod files;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::ci::Note;
use crate::deadline::run_to_end;
use crate::model::files::{Model, Outcome};
use crate::tools::VERIFPAL;
use crate::workspace::Workspace;

/// Where the models are.
const FOLDER: &str = "docs/model";

/// A model that takes longer than this does not belong into the check.
const DEADLINE: Duration = Duration::from_secs(600);

/// The same with as many sessions as a machine takes that has nothing else to do.
const DEADLINE_AT_LEISURE: Duration = Duration::from_secs(3600);

/// Models that are searched at the same time: the prover uses one core for each.
const MAX_JOBS: usize = 4;

/// Which models to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only these models
    #[arg(value_name = "MODEL")]
    only: Vec<String>,
    /// Search for longer: with more sessions at the same time, in the models that say so
    #[arg(long)]
    all: bool,
    /// Print the model as the prover reads it, and run nothing
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["only", "all"])]
    print: Option<String>,
}

/// What came of one model.
struct Verdict {
    took: Duration,
    found: Result<Vec<Outcome>>,
}

/// Runs the chosen models; fails if there is no prover, or if it finds anything else than what is expected.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let models = files::read(&workspace.root.join(FOLDER))?;
    let named = |name: &String| models.iter().any(|model| model.name == *name);
    if let Some(unknown) = args.only.iter().chain(&args.print).find(|name| !named(name)) {
        bail!("no model `{unknown}` in {FOLDER}");
    }
    if let Some(name) = &args.print {
        models.iter().filter(|model| model.name == *name).for_each(|model| print!("{}", model.text));
        return Ok(());
    }
    every_property_can_fail(&models)?;
    let chosen: Vec<_> =
        models.iter().filter(|model| args.only.is_empty() || args.only.contains(&model.name)).collect();
    let prover = VERIFPAL.ready(workspace).context("nothing was shown: the prover cannot be installed")?;
    compare(workspace, &prover, &chosen, args.all)
}

/// A step of the check: all models, where there is a prover to be had.
pub(crate) fn check(workspace: &Workspace) -> Result<Note> {
    let models = files::read(&workspace.root.join(FOLDER))?;
    every_property_can_fail(&models)?;
    match VERIFPAL.ready(workspace) {
        Ok(prover) => {
            compare(workspace, &prover, &models.iter().collect::<Vec<_>>(), false)?;
            Ok(format!("{} models", models.len()))
        }
        Err(why) => {
            println!("the models were NOT checked: the prover cannot be installed: {why:#}");
            Ok("skipped: no prover could be installed".to_owned())
        }
    }
}

/// What is expected to hold somewhere is expected to be broken elsewhere, where the model is worse: a query that no
/// model breaks may be one that cannot be broken.
fn every_property_can_fail(models: &[Model]) -> Result<()> {
    let asked = |expected: Outcome| {
        let queries = models.iter().flat_map(|model| &model.queries);
        queries.filter(move |query| query.expected == expected).map(|query| query.text.as_str())
    };
    let broken: BTreeSet<_> = asked(Outcome::Attack).collect();
    let unbroken: BTreeSet<_> = asked(Outcome::Holds).filter(|text| !broken.contains(text)).collect();
    let list = unbroken.into_iter().collect::<Vec<_>>().join("; ");
    ensure!(list.is_empty(), "no model breaks: {list}");
    Ok(())
}

/// Searches every model, prints one table, and fails if anything in it differs.
fn compare(workspace: &Workspace, prover: &Path, models: &[&Model], at_leisure: bool) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut verdicts = Vec::new();
        while let Some(model) = models.get(next.fetch_add(1, Ordering::Relaxed)) {
            let start = Instant::now();
            let found = search(workspace, prover, model, at_leisure);
            let took = start.elapsed();
            eprintln!("{}: {:.1} s", model.name, took.as_secs_f64());
            verdicts.push((model.name.as_str(), Verdict { took, found }));
        }
        verdicts
    };
    let jobs = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_JOBS);
    let mut verdicts: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|p| resume_unwind(p))).collect()
    });
    verdicts.sort_by_key(|(name, _)| *name);
    let differences: usize =
        models.iter().zip(&verdicts).map(|(model, (_, verdict))| report(model, verdict)).sum();
    let took: Duration = verdicts.iter().map(|(_, verdict)| verdict.took).sum();
    println!(
        "\n{} models, {:.0} s of searching, {differences} differences",
        models.len(),
        took.as_secs_f64()
    );
    ensure!(differences == 0, "a model is not as it is expected to be: see above");
    Ok(())
}

/// Prints what came of one model; returns how much of it differs.
fn report(model: &Model, Verdict { took, found }: &Verdict) -> usize {
    let took = format!("{:.1}", took.as_secs_f64());
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            println!("{:<28} FAILED after {took} s: {error:#}", model.name);
            return 1;
        }
    };
    let mut differences = 0;
    for (index, (query, found)) in model.queries.iter().zip(found).enumerate() {
        let (name, took) = if index == 0 { (model.name.as_str(), took.as_str()) } else { ("", "") };
        let differs = *found != query.expected;
        differences += usize::from(differs);
        let mark = if differs { "  DIFFERENT" } else { "" };
        let (expected, found) = (word(query.expected), word(*found));
        println!("{name:<28} {:<52} {expected:<8} {found:<8} {took:>7}{mark}", query.text);
    }
    differences
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Attack => "attack",
    }
}

/// Runs the prover on one model.
fn search(workspace: &Workspace, prover: &Path, model: &Model, at_leisure: bool) -> Result<Vec<Outcome>> {
    let folder = workspace.target.join("model");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}.vp", model.name));
    let said = folder.join(format!("{}.out", model.name));
    fs::write(&path, &model.text)?;
    let (sessions, deadline) = match at_leisure {
        true => (model.sessions_at_leisure, DEADLINE_AT_LEISURE),
        false => (model.sessions, DEADLINE),
    };
    let mut command = workspace.command(prover, ["verify", "--result-code", "--quiet", "--color", "never"]);
    command.args(["--sessions", &sessions.to_string()]).arg(&path).env("VERIFPAL_THREADS", "1");
    let output = File::create(&said)?;
    command.stderr(output.try_clone()?).stdout(output);
    let ended = run_to_end(&mut command, deadline);
    let said = fs::read_to_string(said)?;
    ended.with_context(|| said.clone())?;
    outcomes(model, said.lines().last().unwrap_or_default())
}

/// Reads the prover's verdict: for each query the first letter of its kind and 0, or 1 if an attack was found.
fn outcomes(model: &Model, code: &str) -> Result<Vec<Outcome>> {
    let queries = &model.queries;
    ensure!(code.len() == 2 * queries.len(), "{} queries, but the verdict is `{code}`", queries.len());
    let letters: Vec<char> = code.chars().collect();
    let pairs = queries.iter().zip(letters.chunks(2));
    pairs
        .map(|(query, pair)| match pair {
            [kind, digit @ ('0' | '1')] if query.text.starts_with(*kind) => {
                Ok(if *digit == '0' { Outcome::Holds } else { Outcome::Attack })
            }
            _ => bail!("`{code}` is no verdict on `{}`", query.text),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::files::Query;

    fn model(name: &str, queries: &[(&str, Outcome)]) -> Model {
        let queries = queries.iter().map(|&(text, expected)| Query { text: text.to_owned(), expected });
        let (name, text) = (name.to_owned(), String::new());
        Model { name, text, queries: queries.collect(), sessions: 1, sessions_at_leisure: 1 }
    }

    #[test]
    fn verdicts_are_read_and_must_fit() {
        let asked = model("x", &[("confidentiality? m", Outcome::Holds), ("freshness? m", Outcome::Holds)]);
        assert_eq!(outcomes(&asked, "c0f1").unwrap(), [Outcome::Holds, Outcome::Attack]);
        for wrong in ["", "c0", "c0f1a0", "f1c0", "c0f2", "c0fx"] {
            assert!(outcomes(&asked, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_difference_and_a_failure_count() {
        let asked = model("x", &[("confidentiality? m", Outcome::Holds), ("freshness? m", Outcome::Attack)]);
        let verdict = |found| Verdict { took: Duration::ZERO, found };
        assert_eq!(report(&asked, &verdict(Ok(vec![Outcome::Holds, Outcome::Attack]))), 0);
        assert_eq!(report(&asked, &verdict(Ok(vec![Outcome::Attack, Outcome::Holds]))), 2);
        assert_eq!(report(&asked, &verdict(Err(anyhow::anyhow!("no")))), 1);
    }

    #[test]
    fn what_nothing_breaks_is_refused() {
        let holds = model("x", &[("confidentiality? m", Outcome::Holds)]);
        let broken = model("y", &[("confidentiality? m", Outcome::Attack)]);
        assert!(every_property_can_fail(&[holds, broken]).is_ok());
        let alone = model("x", &[("confidentiality? m", Outcome::Holds)]);
        assert!(every_property_can_fail(&[alone]).is_err());
    }

    #[test]
    fn the_models_of_this_repository_can_be_read() {
        let workspace = Workspace::locate().unwrap();
        let models = files::read(&workspace.root.join(FOLDER)).unwrap();
        every_property_can_fail(&models).unwrap();
    }
}
