//! `conclave send`

use std::path::PathBuf;

use clap::Args;

use super::super::failure::Failure;
use super::super::ipc::Request;
use super::Context;

/// Send a file to a member, who receives it with `conclave up --receive FOLDER`
///
/// Whatever interrupts it on either side, the same command goes on where it stopped, unless the file has changed.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Name, member id, or the first digits of one
    #[arg(value_name = "MEMBER")]
    member: String,
    /// How many seconds to go on trying while nothing moves, once it has begun
    #[arg(long, default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    // Absolute: a running `conclave up` has a working directory of its own.
    let path = std::path::absolute(&arguments.file)
        .map_err(|error| Failure::io("finding", &arguments.file, &error))?;
    let request = Request::Send { path, member: arguments.member, patience_seconds: arguments.patience };
    context.carry_out(request).await
}
