//! `conclave join`

use std::io::{self, IsTerminal, Read};

use clap::Args;
use membership::{MAX_CARD_TEXT_BYTES, Petname};
use zeroize::Zeroizing;

use super::super::admission;
use super::super::failure::{Failure, Kind};
use super::super::home::Home;
use super::super::ipc::Request;
use super::super::passphrase::Sealing;
use super::{Context, init};

/// Come in by a ticket that a member has issued with `conclave invite`
///
/// Makes an identity first if this home has none. Whoever let you in is a member here from then on, and those whom they
/// introduce. Silence means that the ticket does not open, for whatever reason: a node tells strangers nothing.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The ticket, or `-` to read it from standard input
    ///
    /// A ticket is a secret until it is used: prefer standard input where others can see the command lines of this
    /// machine or the history of your shell.
    #[arg(value_name = "TICKET", default_value = "-", hide_default_value = true)]
    ticket: String,
    /// The name to suggest for yourself, if the identity is made now
    #[arg(long, value_name = "NAME")]
    name: Option<Petname>,
    #[command(flatten)]
    sealing: Sealing,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let given = Zeroizing::new(arguments.ticket);
    let text = match given.as_str() {
        "-" => read_ticket(context)?,
        _ => given,
    };
    // Before anything is made for it.
    let ticket = admission::parse_ticket(&text)?;
    drop(ticket);
    if needs_identity(context)? {
        init::make(arguments.name, arguments.sealing, context)?;
    } else if arguments.name.is_some() {
        context.output.talk("this home has an identity, and a name: --name changes nothing");
    }
    let text = Zeroizing::new(text.trim().to_owned());
    context.carry_out(Request::Join { ticket: text.into() }).await
}

fn needs_identity(context: &Context) -> Result<bool, Failure> {
    match Home::open(&context.home_folder) {
        Ok(home) => home.has_identity().map(|has| !has),
        Err(failure) if failure.kind == Kind::HomeMissing => Ok(true),
        Err(failure) => Err(failure),
    }
}

fn read_ticket(context: &Context) -> Result<Zeroizing<String>, Failure> {
    let stdin = io::stdin();
    let failed = |error: io::Error| {
        Failure::new(Kind::LocalIo, format!("reading the ticket from standard input: {error}"))
    };
    // Room for all of it from the start: a growing buffer would leave copies of a secret behind.
    let room = MAX_CARD_TEXT_BYTES * 2;
    let mut text = Zeroizing::new(String::with_capacity(room));
    if stdin.is_terminal() {
        if !context.may_ask {
            return Err(Failure::new(Kind::Usage, "there is no ticket")
                .meaning("standard input is a terminal, and --no-input forbids waiting for it")
                .advice("pipe the ticket in: `conclave join - < FILE`"));
        }
        context.output.talk("paste the ticket and press Enter:");
        stdin.read_line(&mut text).map_err(failed)?;
        return Ok(text);
    }
    stdin.lock().take(u64::try_from(room).unwrap_or(u64::MAX)).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
