//! `conclave why`

use clap::Args;

use super::super::failure::Failure;
use super::super::hex;
use super::super::home::Home;
use super::super::ipc::Request;
use super::super::station::causes;
use super::{Context, Holder, Who};

/// Tell what last went wrong with a member, how long ago, and what to do about it
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    who: Who,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    match context.holder(&home).await? {
        Holder::Node(running) => {
            context.follow(running, Request::Why { member: arguments.who.member.clone() }).await?
        }
        Holder::Us(_lock) => {
            let roster = home.roster(home.keys_as_they_are()?.identity)?;
            let identity = roster.find(&arguments.who.member)?.identity();
            let mishaps = home.history()?.remove(&hex::encode(identity.as_bytes())).unwrap_or_default();
            for event in causes(&roster.name_of(&identity), mishaps)? {
                context.output.show(&event);
            }
        }
    }
    if context.output.is_silent() {
        context.output.talk(&format!("nothing has gone wrong with {} lately", arguments.who.member));
    }
    Ok(())
}
