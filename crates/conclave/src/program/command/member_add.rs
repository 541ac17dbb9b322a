//! `conclave member add`

use std::io::{self, IsTerminal, Read};

use clap::Args;
use membership::{Card, MAX_CARD_TEXT_BYTES, Petname};

use super::super::failure::{Failure, Kind};
use super::super::ipc::Request;
use super::Context;

/// Vouch for the owner of a card, or bring somebody known up to date
///
/// They must do the same with your card before you can speak with each other.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Their card, or `-` to read it from standard input
    ///
    /// A card holds the door of its owner, so prefer standard input where others can see the command lines of this
    /// machine or the history of your shell: a stranger who has it could knock there. It opens nothing.
    #[arg(value_name = "CARD", default_value = "-", hide_default_value = true)]
    card: String,
    /// What to call them here [default: the name in the card]
    #[arg(long, value_name = "NAME")]
    name: Option<Petname>,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let text = match arguments.card.as_str() {
        "-" => read_card(context)?,
        _ => arguments.card,
    };
    parse(&text)?;
    context.carry_out(Request::AddMember { card: text, name: arguments.name.map(String::from) }).await
}

/// Reads the text of a card, and says what is wrong with it without repeating it.
pub(crate) fn parse(text: &str) -> Result<Card, Failure> {
    text.trim().parse().map_err(|error| {
        Failure::new(Kind::BadCard, format!("this is no card: {error}"))
            .meaning(
                "a card is one long word that begins with `conclave1`; some of it is missing or was changed",
            )
            .advice("copy it again, whole; `conclave id` prints it at the other end")
    })
}

fn read_card(context: &Context) -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        if !context.may_ask {
            return Err(Failure::new(Kind::Usage, "there is no card")
                .meaning("standard input is a terminal, and --no-input forbids waiting for it")
                .advice("pipe the card in: `conclave member add - < FILE`"));
        }
        context.output.talk("paste the card and press Enter:");
        let mut line = String::new();
        stdin.read_line(&mut line).map_err(|error| failed(&error))?;
        return Ok(line);
    }
    let limit = u64::try_from(MAX_CARD_TEXT_BYTES).unwrap_or(u64::MAX).saturating_mul(2);
    let mut text = String::new();
    stdin.lock().take(limit).read_to_string(&mut text).map_err(|error| failed(&error))?;
    Ok(text)
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(Kind::LocalIo, format!("reading the card from standard input: {error}"))
}
