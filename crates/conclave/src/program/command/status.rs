//! `conclave status`

use clap::Args;
use membership::MemberId;

use super::super::event::{Event, StatusLine};
use super::super::failure::Failure;
use super::super::hex;
use super::super::home::Home;
use super::super::standings;
use super::{Context, members, now};

/// Print how this node is: whether it runs, with whom there are sessions, and what ends within 30 days
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    let now = now()?;
    let keys = home.keys_as_they_are()?;
    let roster = home.roster(keys.identity, now)?;
    let (presence, running) = members::presence(&home).await?;
    let name = |digits: &String| {
        let key = hex::decode(digits).map(membership::IdentityKey);
        key.map_or_else(|| digits.clone(), |key| roster.name_of(&key))
    };
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let open = roster.kept().tickets.values().filter(|terms| now <= terms.expires).count();
    context.output.show(&Event::Status(StatusLine {
        running,
        member_id: MemberId::of(&keys.identity).to_string(),
        members: count(roster.members().len()),
        revoked: count(roster.settled().revoked().count()),
        open_tickets: count(open),
        sessions: presence.connected.iter().map(name).collect(),
        addresses: roster.announced().iter().map(ToString::to_string).collect(),
    }));
    for warning in standings::expiries(&roster, &keys.record, now) {
        context.output.show(&warning);
    }
    Ok(())
}
