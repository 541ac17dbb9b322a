//! `conclave init`

use clap::Args;
use membership::Petname;

use super::super::event::Event;
use super::super::failure::Failure;
use super::super::home::Home;
use super::{Context, id, now};

/// Make an identity and this machine's device key
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The name to suggest for yourself in your card
    #[arg(long, value_name = "NAME")]
    name: Option<Petname>,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> Result<(), Failure> {
    let event = make(arguments.name.as_ref(), context)?;
    context.output.talk(
        "this is your card, for those who may come in; with addresses: `conclave id --addresses HOST:PORT`",
    );
    context.output.show(&event);
    Ok(())
}

/// Makes them; returns the card.
pub(crate) fn make(name: Option<&Petname>, context: &Context) -> Result<Event, Failure> {
    let home = Home::create(&context.home_folder)?;
    let lock = home.lock()?;
    let keys = home.found(&lock, name, now()?)?;
    let event = id::card_event(&keys, Vec::new())?;
    if let Event::Card { member, .. } = &event {
        context.output.talk(&format!("made {} in {}", member.member_id, home.folder().display()));
        context.output.talk("back up the file `identity` in it, and no other: a lost device is made anew");
    }
    Ok(event)
}
