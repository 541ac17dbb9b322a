//! The steps of the check, in the order they run: the quick ones first.

use anyhow::Result;

use crate::ci::{Note, alone, demo, deny, examples, no_std};
use crate::workspace::{Package, Workspace, succeed};
use crate::{fuzz, interop, loom, model, sim, tidy, vectors};

/// One step of the check.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// What a reader should expect of it, in a few words.
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Workspace) -> Result<Note>,
}

/// All steps.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "formatting, of the fuzz targets and the peers' benchmarks too", run: fmt },
    Step { name: "tidy", about: "the house rules no compiler checks", run: house_rules },
    Step {
        name: "deny",
        about: "licences, duplicates, sources and advisories of dependencies",
        run: deny::check,
    },
    Step { name: "clippy", about: "lints of all targets with all features, warnings denied", run: clippy },
    Step { name: "doc", about: "documentation of all packages, warnings denied", run: doc },
    Step { name: "alone", about: "each library by itself, with each set of features", run: alone::check },
    Step { name: "no-std", about: "selfsync-codec without the standard library", run: no_std::check },
    Step { name: "test", about: "unit, integration and documentation tests", run: test },
    Step { name: "examples", about: "every example of a crate runs to its end", run: examples::check },
    Step { name: "vectors", about: "frozen test vectors made anew and compared", run: frozen_vectors },
    Step {
        name: "interop",
        about: "a client written from the protocol's text against a node",
        run: foreign_client,
    },
    Step { name: "sim", about: "500 seeds of whole nodes in a simulated world", run: simulation },
    Step {
        name: "loom",
        about: "every interleaving of what threads share without a lock",
        run: interleavings,
    },
    Step { name: "demo", about: "two processes, one file, every command the READMEs name", run: demo::check },
    Step { name: "model", about: "models of the handshake, searched for attacks", run: model::check },
    Step { name: "fuzz", about: "every fuzz target for 10 s from its committed corpus", run: fuzz_smoke },
];

fn fmt(workspace: &Workspace) -> Result<Note> {
    succeed(&mut workspace.cargo(["fmt", "--all", "--check"]))?;
    succeed(&mut workspace.cargo(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))?;
    succeed(&mut workspace.cargo(["fmt", "--manifest-path", "benches/peers/Cargo.toml", "--check"]))?;
    Ok(Note::new())
}

fn house_rules(workspace: &Workspace) -> Result<Note> {
    tidy::check(workspace)?;
    Ok(Note::new())
}

fn clippy(workspace: &Workspace) -> Result<Note> {
    let args =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings"];
    succeed(&mut workspace.cargo(args))?;
    Ok(Note::new())
}

fn doc(workspace: &Workspace) -> Result<Note> {
    let mut command = workspace.cargo(["doc", "--workspace", "--no-deps", "--all-features", "--locked"]);
    succeed(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Note::new())
}

/// Everything with default features, then the crates whose full set of features is larger with that.
fn test(workspace: &Workspace) -> Result<Note> {
    succeed(&mut workspace.cargo(["test", "--workspace", "--locked"]))?;
    let featured: Vec<&Package> =
        workspace.libraries().into_iter().filter(|package| alone::has_more_than_default(package)).collect();
    if !featured.is_empty() {
        let mut command = workspace.cargo(["test", "--all-features", "--locked"]);
        for package in featured {
            command.args(["--package", &package.name]);
        }
        succeed(&mut command)?;
    }
    Ok(Note::new())
}

fn frozen_vectors(workspace: &Workspace) -> Result<Note> {
    vectors::compare(workspace)?;
    Ok(Note::new())
}

fn foreign_client(workspace: &Workspace) -> Result<Note> {
    interop::check(workspace)?;
    Ok(Note::new())
}

fn simulation(workspace: &Workspace) -> Result<Note> {
    let count = sim::check(workspace)?;
    Ok(format!("{count} seeds"))
}

fn interleavings(workspace: &Workspace) -> Result<Note> {
    let count = loom::check(workspace)?;
    Ok(format!("{count} models"))
}

fn fuzz_smoke(workspace: &Workspace) -> Result<Note> {
    let count = fuzz::smoke(workspace)?;
    Ok(format!("{count} targets"))
}
