//! `conclave member remove`

use clap::Args;

use super::super::failure::Failure;
use super::super::home::Home;
use super::super::ipc::Request;
use super::{Context, Holder, Who};

/// Put a member out: open sessions end at once, and their later dials get silence
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    who: Who,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    match context.holder(&home).await? {
        Holder::Node(running) => {
            context.follow(running, Request::RemoveMember { name: arguments.who.member }).await
        }
        Holder::Us(lock) => {
            let keys = context.keys(&home, &lock)?;
            let (_, event) = home.roster(keys.identity)?.remove(&lock, &arguments.who.member)?;
            context.output.show(&event);
            Ok(())
        }
    }
}
