//! `cargo xtask mutants`: changes the code of one crate in many small ways, and says which changes no test notices.

use std::fs;

use anyhow::{Result, ensure};

use crate::tools::CARGO_MUTANTS;
use crate::workspace::{Workspace, shown};

/// The crates whose survivors are looked through, with the files that count; `None` is all. What is left out inside of
/// them stands in `.cargo/mutants.toml`, and what survives in `docs/mutants.md`.
const CRATES: [(&str, Option<&[&str]>); 5] = [
    ("selfsync-codec", None),
    ("chunk-proto", None),
    ("x3dh-handshake", None),
    ("secure-channel", None),
    (
        "membership",
        Some(&[
            "crates/membership/src/policy.rs",
            "crates/membership/src/standing.rs",
            "crates/membership/src/standing/*.rs",
            "crates/membership/src/directory.rs",
            "crates/membership/src/directory/*.rs",
            "crates/membership/src/voucher.rs",
            "crates/membership/src/revocation.rs",
            "crates/membership/src/ticket_book.rs",
        ]),
    ),
];

/// cargo-mutants ends with this when all went well but some mutants were missed, and with the next when some timed out.
const MISSED: i32 = 2;
const TIMED_OUT: i32 = 3;

/// Which mutants.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The crate to mutate
    #[arg(long = "crate", value_name = "NAME")]
    name: String,
    /// One of so many parts of them, such as `0/8`
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Arguments for cargo-mutants, such as `--list`
    #[arg(last = true)]
    passed_on: Vec<String>,
}

/// Tests the mutants of one crate, or of a part of it; what came of them is kept in the target folder.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let known = CRATES.iter().find(|(name, _)| *name == args.name);
    let names = CRATES.map(|(name, _)| name).join(", ");
    ensure!(known.is_some(), "no crate `{}` among {names}", args.name);
    let shard = args.shard.as_deref().map(|shard| shard.replace('/', "-of-"));
    let part = shard.map_or_else(|| args.name.clone(), |shard| format!("{}-{shard}", args.name));
    let output = workspace.target.join("mutants").join(part);
    fs::create_dir_all(&output)?;
    let mut command = workspace.cargo(["mutants", "--all-features", "--package", &args.name, "--output"]);
    // Kept from one part to the next: only the workspace's own crates are compiled again.
    let build = workspace.target.join("mutants/build");
    command.arg(&output).env("PATH", CARGO_MUTANTS.search_path(workspace)?).env("CARGO_TARGET_DIR", build);
    for file in known.and_then(|(_, files)| *files).unwrap_or_default() {
        command.args(["--file", file]);
    }
    if let Some(shard) = &args.shard {
        command.args(["--shard", shard]);
    }
    command.args(&args.passed_on);
    eprintln!("$ {}", shown(&command));
    let status = command.status()?;
    let is_over = status.success() || matches!(status.code(), Some(MISSED | TIMED_OUT));
    ensure!(is_over, "cargo-mutants: {status}");
    println!("missed: {}", output.join("mutants.out/missed.txt").display());
    Ok(())
}
