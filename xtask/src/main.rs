//! The project's own commands: `cargo xtask ci` and what it is made of, benchmarks, and longer searches for faults.
//!
//! One subcommand, one file. A command runs from any folder of the repository, works on the whole of it, and
//! ends with a non-zero exit code when anything it looked at is not as it must be.

mod bench;
mod ci;
mod deadline;
mod example;
mod fuzz;
mod interop;
mod loom;
mod miri;
mod model;
mod mutants;
mod sim;
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
    /// Run tests in an interpreter that knows undefined behaviour
    Miri(miri::Args),
    /// Run every interleaving of what threads share
    Loom(loom::Args),
    /// Change the code of a crate in small ways, and say which changes no test notices
    Mutants(mutants::Args),
    /// Let a client that was written from the protocol's text speak with a node
    Interop(interop::Args),
    /// Search the models of the handshake for attacks
    Model(model::Args),
    /// Run whole nodes in a simulated world, one run for each seed
    Sim(sim::Args),
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
        Command::Miri(args) => miri::run(&workspace, &args),
        Command::Loom(args) => loom::run(&workspace, &args),
        Command::Mutants(args) => mutants::run(&workspace, &args),
        Command::Interop(args) => interop::run(&workspace, &args),
        Command::Model(args) => model::run(&workspace, &args),
        Command::Sim(args) => sim::run(&workspace, &args),
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
