//! `conclave introduce`

use clap::Args;

use super::super::failure::Failure;
use super::super::ipc::Request;
use super::Context;

/// Introduce two members to each other: they speak directly from then on
///
/// Each is told how to reach the other, with your word for them, at once if they can be reached and else when they next
/// connect.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name, member id, or the first digits of one
    #[arg(value_name = "MEMBER")]
    one: String,
    /// The other
    #[arg(value_name = "OTHER")]
    other: String,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let Arguments { one, other } = arguments;
    context.carry_out(Request::Introduce { one, other }).await
}
