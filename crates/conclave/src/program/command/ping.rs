//! `conclave ping`

use clap::Args;

use super::super::failure::Failure;
use super::super::ipc::Request;
use super::{Context, Who};

/// Measure the way to a member and back, in an authenticated session
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    who: Who,
    /// How many times, one a second
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    context.carry_out(Request::Ping { member: arguments.who.member, count: arguments.count }).await
}
