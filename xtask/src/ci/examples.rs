//! The crates' examples, which a newcomer runs first: each one runs to its end by itself.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::ci::Note;
use crate::deadline::run_to_end;
use crate::example::{self, Example};
use crate::vectors;
use crate::workspace::Workspace;

/// An example that takes longer is no example, or hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs every example of a library crate, and the bridges to other frameworks; those that make vectors have a step of
/// their own.
pub(crate) fn check(workspace: &Workspace) -> Result<Note> {
    let examples: Vec<Example> = example::build(workspace, &[])?
        .into_iter()
        .filter(|example| is_ours(workspace, example) && !vectors::makes_vectors(&example.name))
        .collect();
    ensure!(!examples.is_empty(), "no crate has an example");
    let mut failed = Vec::new();
    for Example { name, binary, .. } in &examples {
        let outcome = run_to_end(workspace.command(binary, [""; 0]).stdout(Stdio::null()), DEADLINE);
        println!(
            "{name}: {}",
            outcome.as_ref().map_or_else(|error| format!("FAILED: {error:#}"), |()| "ran".into())
        );
        failed.extend(outcome.err().map(|_| name.as_str()));
    }
    ensure!(failed.is_empty(), "examples failed: {}", failed.join(", "));
    Ok(format!("{} examples", examples.len()))
}

fn is_ours(workspace: &Workspace, example: &Example) -> bool {
    ["crates", "examples"].iter().any(|folder| example.source.starts_with(workspace.root.join(folder)))
}
