//! `conclave whoami`

use clap::Args;
use membership::MemberId;

use super::super::event::{Event, MemberLine, SelfLine};
use super::super::failure::Failure;
use super::super::hex;
use super::super::home::Home;
use super::{Context, now};

/// Print who you are: name, member id, identity, device, and where members are told to find you
///
/// Nothing of it is secret. The identity is what `conclave invite --for` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    let keys = home.keys_as_they_are()?;
    let roster = home.roster(keys.identity, now()?)?;
    let member_id = MemberId::of(&keys.identity).to_string();
    let card = roster.directory().card(&keys.identity);
    let records = card.into_iter().flat_map(|card| card.records());
    let others = records.map(membership::Record::device).filter(|device| *device != keys.device.id());
    let line = SelfLine {
        member: MemberLine {
            name: keys.petname.as_ref().map_or_else(|| member_id.clone(), ToString::to_string),
            member_id,
            identity: hex::encode(keys.identity.as_bytes()),
            addresses: roster.announced().iter().map(ToString::to_string).collect(),
            expires: keys.record.expires().seconds(),
        },
        device: keys.device.id().to_string(),
        static_key: hex::encode(keys.device.key().as_bytes()),
        home: home.folder().display().to_string(),
        other_devices: others.map(|device| device.to_string()).collect(),
    };
    context.output.show(&Event::Whoami(line));
    Ok(())
}
