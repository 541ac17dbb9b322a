//! `conclave why`

use clap::Args;

use super::super::failure::Failure;
use super::super::hex;
use super::super::home::Home;
use super::super::ipc::Request;
use super::super::station::{STRANGERS, causes};
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
        Holder::Us(_lock) => {
            let roster = home.roster(home.keys_as_they_are()?.identity, now()?)?;
            let (key, called) = match &arguments.member {
                Some(member) => {
                    let identity = roster.find_anybody(member)?;
                    (hex::encode(identity.as_bytes()), roster.name_of(&identity))
                }
                None => (STRANGERS.to_owned(), STRANGERS.to_owned()),
            };
            for event in causes(&called, home.history()?.remove(&key).unwrap_or_default())? {
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
