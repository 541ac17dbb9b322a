//! The crates' examples, which a newcomer runs first: each one runs to its end by itself.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::ci::Note;
use crate::deadline::run_to_end;
use crate::vectors;
use crate::workspace::{Workspace, capture};

/// An example that takes longer is no example, or hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs every example of a library crate, and the bridges to other frameworks; those that make vectors have a step of
/// their own.
pub(crate) fn check(workspace: &Workspace) -> Result<Note> {
    // With the whole workspace's features, so that nothing is built that the tests have not built already.
    let build =
        ["build", "--workspace", "--examples", "--locked", "--message-format", "json-render-diagnostics"];
    let messages = capture(&mut workspace.cargo(build))?;
    let examples: Vec<_> = messages.lines().filter_map(|line| executable(workspace, line)).collect();
    ensure!(!examples.is_empty(), "no crate has an example");
    let mut failed = Vec::new();
    for (name, binary) in &examples {
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

/// The name and binary of an example in one of cargo's messages.
fn executable(workspace: &Workspace, message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let target = &message["target"];
    let (name, source) = (target["name"].as_str()?, Path::new(target["src_path"].as_str()?));
    let is_example = target["kind"].as_array()?.iter().any(|kind| kind == "example");
    let is_ours = ["crates", "examples"].iter().any(|folder| source.starts_with(workspace.root.join(folder)));
    let wanted = is_example && is_ours && !vectors::makes_vectors(name);
    wanted.then_some((name.to_owned(), message["executable"].as_str()?.into()))
}
