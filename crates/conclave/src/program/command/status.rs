//! `conclave status`

use clap::Args;

use super::super::account::Look;
use super::super::failure::Failure;
use super::Context;

/// Print how this node is: whether it runs, with whom there are sessions, and what ends within 30 days
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    context.look(Look::Status).await
}
