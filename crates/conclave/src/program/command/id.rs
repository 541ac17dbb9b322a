//! `conclave id`

use clap::Args;
use membership::{MemberId, NetAddress};

use super::super::event::{Event, MemberLine};
use super::super::failure::{Failure, Kind};
use super::super::hex;
use super::super::home::{Home, Keys};
use super::super::ipc::{self, Request};
use super::Context;

/// Print your own card, to hand to those who may come in
///
/// The card holds your public keys and your door, without which a first packet is not even looked at. Whoever has the
/// card can knock; only those you add can come in.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where others can reach you, for instance 203.0.113.7:4433,home.example:4433 [default: where a running
    /// `conclave up` tells members to find it]
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    addresses: Option<Vec<NetAddress>>,
    /// Print the member id instead of the card
    #[arg(long)]
    member_id: bool,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    let keys = match home.try_lock()? {
        Some(lock) => context.keys(&home, &lock)?,
        None => home.keys_as_they_are()?,
    };
    let addresses = match arguments.addresses {
        Some(addresses) => addresses,
        None => announced(&home).await.unwrap_or_default(),
    };
    let without = addresses.is_empty();
    let event = card_event(&keys, addresses)?;
    match &event {
        Event::Card { member, .. } if arguments.member_id => context.output.data(&member.member_id, &event),
        _ => {
            context.output.show(&event);
            if without {
                context
                    .output
                    .talk("this card has no address: others can take you in, but not reach you with it");
            }
        }
    }
    Ok(())
}

/// The card as an event.
pub(crate) fn card_event(keys: &Keys, addresses: Vec<NetAddress>) -> Result<Event, Failure> {
    let too_long = |error: membership::Error| {
        Failure::new(Kind::Usage, format!("that does not fit into a card: {error}"))
            .advice("give fewer or shorter addresses")
    };
    let card = keys.card(addresses).map_err(too_long)?;
    let member_id = MemberId::of(&keys.identity).to_string();
    Ok(Event::Card {
        card: card.to_text().map_err(too_long)?,
        member: MemberLine {
            name: keys.petname.as_ref().map_or_else(|| member_id.clone(), ToString::to_string),
            member_id,
            identity: hex::encode(keys.identity.as_bytes()),
            addresses: card.addresses().iter().map(ToString::to_string).collect(),
            expires: keys.record.expires().seconds(),
        },
    })
}

/// Where the running node has told members to find it.
async fn announced(home: &Home) -> Option<Vec<NetAddress>> {
    let mut running = ipc::connect(&home.socket().ok()?).await.ok()??;
    running.ask(Request::Addresses).await.ok()?;
    let mut addresses = Vec::new();
    while let Some(event) = running.next().await.ok()? {
        let Event::Listening { address } = event else { continue };
        addresses.extend(NetAddress::new(address));
    }
    Some(addresses)
}
