//! `conclave init`

use clap::Args;
use membership::{Identity, MemberId, Petname};

use super::super::event::{Event, IdentityLine};
use super::super::failure::{Failure, Kind};
use super::super::home::{Founding, Home, Keys, draw_identity};
use super::super::passphrase::Sealing;
use super::{Context, id, now};

/// Make an identity and this machine's device key
///
/// Asks for a passphrase to keep the identity under. Prints 24 words, once: written on paper they bring the identity back
/// where this machine is lost (`conclave recover`). With --quiet they are not printed.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The name to suggest for yourself in your card
    #[arg(long, value_name = "NAME")]
    name: Option<Petname>,
    #[command(flatten)]
    sealing: Sealing,
}

pub(crate) fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let keys = make(arguments.name, arguments.sealing, context)?;
    show_card(&keys, context)
}

/// Makes them, and says so.
pub(crate) fn make(
    petname: Option<Petname>,
    sealing: Sealing,
    context: &mut Context,
) -> Result<Keys, Failure> {
    let identity = draw_identity()?;
    let words = identity.to_words().map_err(|error| Failure::new(Kind::Broken, error.to_string()))?;
    let (keys, line) = settle(&identity, petname, sealing, context)?;
    context.output.show(&Event::IdentityMade { identity: line, recovery_words: words.into() });
    Ok(keys)
}

/// Makes a home for an identity.
pub(super) fn settle(
    identity: &Identity,
    petname: Option<Petname>,
    sealing: Sealing,
    context: &Context,
) -> Result<(Keys, IdentityLine), Failure> {
    let home = Home::create(&context.home_folder)?;
    let lock = home.lock()?;
    // Nobody is asked for a passphrase that is of no use then.
    home.check_vacant()?;
    let founding = Founding { petname, passphrase: context.passphrases.choose(sealing)? };
    let keys = home.found(&lock, identity, &founding, now()?)?;
    let line = IdentityLine {
        member_id: MemberId::of(&keys.identity).to_string(),
        home: home.folder().display().to_string(),
        sealed: founding.passphrase.is_some(),
    };
    Ok((keys, line))
}

/// Shows the card of a home that was just made.
pub(super) fn show_card(keys: &Keys, context: &mut Context) -> Result<(), Failure> {
    let event = id::card_event(keys, Vec::new())?;
    context.output.talk(
        "this is your card, for those who may come in; with addresses: `conclave id --addresses HOST:PORT`",
    );
    context.output.show(&event);
    Ok(())
}
