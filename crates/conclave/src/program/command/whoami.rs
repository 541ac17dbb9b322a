//! `conclave whoami`

use clap::Args;

use super::super::account::Look;
use super::super::failure::Failure;
use super::Context;

/// Print who you are: name, member id, identity, device, and where members are told to find you
///
/// Nothing of it is secret. The identity is what `conclave invite --for` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    context.look(Look::Whoami).await
}
