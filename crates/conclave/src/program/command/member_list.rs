//! `conclave member list`

use clap::Args;

use super::super::event::Event;
use super::super::failure::Failure;
use super::super::home::{Home, member_line};
use super::Context;

/// Print who may come in: name, member id, addresses
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    // Files are replaced whole, so that reading needs no lock.
    let roster = home.roster(home.keys_as_they_are()?.identity)?;
    if roster.members().is_empty() {
        context.output.talk("nobody yet; take somebody in with `conclave member add -`");
    }
    for member in roster.members().iter() {
        context.output.show(&Event::Member(member_line(member)));
    }
    Ok(())
}
