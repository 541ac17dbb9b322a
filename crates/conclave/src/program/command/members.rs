//! `conclave members`

use clap::Args;

use super::super::account::Look;
use super::super::failure::Failure;
use super::Context;

/// Print who is in and by whose word, as a tree; then who is out, and by whose
///
/// Name, member id, and then: who vouches, for how long still, whether they may introduce others, when they were last here.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    context.look(Look::Members).await?;
    if context.output.is_silent() {
        context.output.talk("nobody yet; let somebody in with `conclave invite`");
    }
    Ok(())
}
