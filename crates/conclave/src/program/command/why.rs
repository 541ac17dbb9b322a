//! `conclave why`

use clap::Args;

use super::super::account::{cause_lines, kept_causes};
use super::super::failure::Failure;
use super::super::home::Home;
use super::super::ipc::Request;
use super::super::station::STRANGERS;
use super::{Context, Holder, now};

/// Tell what last went wrong with a member, how long ago, and what to do about it
///
/// Without a member: who knocked here and was not let in. They heard nothing; here is why.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name, member id, or the first digits of one
    #[arg(value_name = "MEMBER")]
    member: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    match context.holder(&home).await? {
        Holder::Node(running) => {
            context.follow(running, Request::Why { member: arguments.member.clone() }).await?
        }
        Holder::Us(lock) => {
            let (now, store) = (now()?, home.store(&lock)?);
            let (whom, called) = match &arguments.member {
                Some(member) => {
                    let roster = home.roster(&store, home.identity_key()?, now)?;
                    let identity = roster.find_anybody(member)?;
                    (Some(identity), roster.name_of(&identity))
                }
                None => (None, STRANGERS.to_owned()),
            };
            for event in cause_lines(&called, kept_causes(&store, &home, whom.as_ref())?, now) {
                context.output.show(&event);
            }
        }
    }
    if context.output.is_silent() {
        let called = arguments.member.as_deref().unwrap_or(STRANGERS);
        context.output.talk(&format!("nothing has gone wrong with {called} lately"));
    }
    Ok(())
}
