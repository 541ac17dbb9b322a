//! The demonstration: two processes of the program, one small file.

use anyhow::Result;

use crate::ci::Note;
use crate::workspace::{Workspace, succeed};

/// Runs the program's own demonstration in the release profile, as the README tells it.
pub(crate) fn check(workspace: &Workspace) -> Result<Note> {
    let args = ["run", "--release", "--locked", "--package", "conclave", "--", "demo", "--size", "4MiB"];
    succeed(&mut workspace.cargo(args))?;
    Ok(Note::new())
}
