//! `conclave passphrase`

use std::path::PathBuf;

use clap::Args;

use super::super::event::Event;
use super::super::failure::Failure;
use super::super::home::Home;
use super::Context;

/// Keep the identity under a passphrase, or under another one, or under none any more
///
/// Whoever reads the home, or a backup of it, then has to guess the passphrase before they are you: each guess costs them 64
/// MiB of memory and some tenths of a second. It is asked for where something has to be signed: once by `conclave up`, and by
/// commands that let in, introduce or keep out while no `up` runs. The device key, which speaks for this machine until its
/// record ends or you revoke it, is not under the passphrase. What the disk held before may be found on it for a while.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The new passphrase is the first line of this file, which only you may read; `-`: the next line of standard input
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    new_passphrase_file: Option<PathBuf>,
    /// Keep the identity without a passphrase from now on
    #[arg(long)]
    remove: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    // A running node has what it needs, and does not look at the file again.
    let lock = home.try_lock()?;
    let was_sealed = home.is_sealed()?;
    let identity = context.unlock(&home)?;
    let passphrase = match arguments.remove {
        true => None,
        false => Some(context.passphrases.replace(arguments.new_passphrase_file.as_deref())?),
    };
    home.save_identity(lock.as_ref(), &identity, passphrase.as_ref())?;
    context.output.show(&Event::Passphrase { was_sealed, sealed: passphrase.is_some() });
    Ok(())
}
