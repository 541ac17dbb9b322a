//! `conclave member remove`

use clap::Args;

use super::super::failure::Failure;
use super::super::ipc::Request;
use super::{Context, Who};

/// Revoke a member: the same as `conclave revoke`
///
/// There is no other way out: whoever is merely forgotten comes back by the next introduction.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    who: Who,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    context.carry_out(Request::RemoveMember { name: arguments.who.member }).await
}
