//! `conclave services`

use clap::Args;

use super::super::failure::Failure;
use super::super::ipc::Request;
use super::{Context, Who};

/// List the services that a member offers you: name, schema, format
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    who: Who,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let called = arguments.who.member.clone();
    context.carry_out(Request::Services { member: arguments.who.member }).await?;
    if context.output.is_silent() {
        context.output.talk(&format!("{called} offers you no service"));
    }
    Ok(())
}
