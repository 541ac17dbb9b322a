//! `conclave tickets`

use clap::Args;

use super::super::account::Look;
use super::super::failure::Failure;
use super::super::ipc::Request;
use super::Context;

/// Print the tickets that you have issued and that open still, or withdraw some
///
/// The id of a ticket, for how long it opens, for whom and how often, what it makes of whoever comes in. The id is no secret,
/// and opens nothing.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Withdraw these: nobody comes in by them any more; the first digits of an id are enough
    ///
    /// Whoever is in by one stays in: `conclave revoke` puts them out.
    #[arg(long, value_name = "ID", num_args = 1..)]
    withdraw: Vec<String>,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    if arguments.withdraw.is_empty() {
        context.look(Look::Tickets).await?;
        if context.output.is_silent() {
            context.output.talk("no ticket is open; `conclave invite` issues one");
        }
        return Ok(());
    }
    for ticket in arguments.withdraw {
        context.carry_out(Request::WithdrawTicket { ticket }).await?;
    }
    Ok(())
}
