//! The dependencies: `deny.toml` says what is allowed, cargo-deny checks it.

use anyhow::Result;

use crate::ci::Note;
use crate::tools::CARGO_DENY;
use crate::workspace::{Workspace, shown, succeed};

/// Ours, where an entry of `deny.toml` that allows nothing any more is an error, and the fuzz targets', which need
/// only some of them.
const WORKSPACES: [(&str, &[&str]); 2] = [
    ("Cargo.toml", &["--deny", "unmatched-skip"]),
    (
        "fuzz/Cargo.toml",
        &[
            "--allow",
            "license-not-encountered",
            "--allow",
            "license-exception-not-encountered",
            "--allow",
            "unmatched-skip",
        ],
    ),
];

/// Checks bans, licences and sources; advisories where their database can be fetched.
pub(crate) fn check(workspace: &Workspace) -> Result<Note> {
    let deny = CARGO_DENY.ready(workspace)?;
    let run = |manifest: &str, words: &[&str]| {
        let args = ["--manifest-path", manifest, "--locked", "--all-features", "--config", "deny.toml"];
        let mut command = workspace.command(&deny, args);
        command.args(words);
        command
    };
    for (manifest, strictness) in WORKSPACES {
        let mut check = run(manifest, &["check", "--hide-inclusion-graph"]);
        succeed(check.args(strictness).args(["bans", "licenses", "sources"]))?;
    }
    let mut fetch = run("Cargo.toml", &["fetch", "db"]);
    eprintln!("$ {}", shown(&fetch));
    let fetched = fetch.output()?;
    if !fetched.status.success() {
        println!("{}", String::from_utf8_lossy(&fetched.stderr).trim());
        println!("advisories were NOT checked: their database cannot be fetched from here (see above)");
        return Ok("advisories NOT checked: no way to their database".to_owned());
    }
    for (manifest, _) in WORKSPACES {
        succeed(&mut run(manifest, &["check", "advisories"]))?;
    }
    Ok(Note::new())
}
