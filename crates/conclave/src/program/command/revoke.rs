//! `conclave revoke`

use clap::Args;

use super::super::failure::Failure;
use super::super::home::Home;
use super::super::ipc::Request;
use super::super::standings;
use super::{Context, Holder, now};

/// Keep a member out, here and wherever your word counts: sessions end at once, and nobody's introduction brings them back
///
/// Only you can undo it, with --undo. Members who hear your word are told at once if they are connected.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name, member id, or the first digits of one
    #[arg(value_name = "MEMBER", required_unless_present = "device")]
    member: Option<String>,
    /// Keep out this lost device of your own identity instead: `conclave whoami` lists them
    #[arg(long, value_name = "ID", conflicts_with_all = ["member", "undo", "dry_run"])]
    device: Option<String>,
    /// Undo your own revocation
    #[arg(long)]
    undo: bool,
    /// Change nothing, and say whose standing here would change
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let member = match (arguments.device, arguments.member) {
        (Some(device), _) => return context.carry_out(Request::RevokeDevice { device }).await,
        (None, member) => member.unwrap_or_default(),
    };
    if arguments.dry_run {
        return dry_run(member, arguments.undo, context).await;
    }
    let request = if arguments.undo { Request::Readmit { member } } else { Request::Revoke { member } };
    context.carry_out(request).await
}

async fn dry_run(member: String, undo: bool, context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    match context.holder(&home).await? {
        Holder::Node(running) => context.follow(running, Request::WouldRevoke { member, undo }).await?,
        Holder::Us(lock) => {
            let identity = context.unlock(&home)?;
            let (now, store) = (now()?, home.store(&lock)?);
            let roster = home.roster(&store, identity.key(), now)?;
            let subject = roster.find_anybody(&member)?;
            for change in standings::consequences(&roster, &identity, subject, undo, now)? {
                context.output.show(&change);
            }
        }
    }
    if context.output.is_silent() {
        context.output.talk("nobody's standing here would change");
    }
    Ok(())
}
