//! The project's own commands: `cargo xtask ci`, `tidy`, `fuzz`, `bench`, `vectors`, `interop`, `soak`.
//!
//! One subcommand, one file. A command runs from any folder of the repository, works on the whole of it, and
//! ends with a non-zero exit code when anything it looked at is not as it must be.

mod bench;
mod ci;
mod deadline;
mod fuzz;
mod interop;
mod soak;
mod source;
mod tidy;
mod tools;
mod vectors;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every check that a change must pass
    Ci(ci::Args),
    /// Check the house rules that no compiler checks
    Tidy(tidy::Args),
    /// Fuzz one target for a while, or list the targets
    Fuzz(fuzz::Args),
    /// Run the benchmarks
    Bench(bench::Args),
    /// Compare the frozen test vectors with freshly made ones
    Vectors(vectors::Args),
    /// Let a client that was written from the protocol's text speak with a node
    Interop(interop::Args),
    /// Keep a node under churn, and see what that leaves behind
    Soak(soak::Args),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let outcome = Workspace::locate().and_then(|workspace| match command {
        Command::Ci(args) => ci::run(&workspace, &args),
        Command::Tidy(args) => tidy::run(&workspace, &args),
        Command::Fuzz(args) => fuzz::run(&workspace, &args),
        Command::Bench(args) => bench::run(&workspace, &args),
        Command::Vectors(args) => vectors::run(&workspace, &args),
        Command::Interop(args) => interop::run(&workspace, &args),
        Command::Soak(args) => soak::run(&workspace, &args),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
