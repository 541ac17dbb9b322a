//! `conclave demo`

use std::path::PathBuf;

use clap::Args;

use super::super::demo::{Play, Stage};
use super::super::failure::{Failure, Kind};
use super::super::signals::Signals;
use super::super::size::Bytes;
use super::Context;

/// The smallest file that can be cut in the middle and still show something.
const MIN_SIZE_BYTES: u64 = 1 << 20;
/// Of the file's size: the file, its copy and the recording at the same time, and a quarter of that again.
const DISK_PER_SIZE: u64 = 4;

/// Show all of it on this machine: processes with actors, a file over a wire that is cut, silence for strangers
///
/// Starts a node with a new identity in a temporary folder, and relays between it and others that record every byte. A second
/// person comes in by a ticket, from an empty home, and a third, who is introduced to the second. They recognize each other
/// by their keys and ping. Actors of three processes find each other and hand each other addresses; one process is killed,
/// which those who watch its actors are told. They talk, call a service, and move a file each way; the relay cuts the
/// connection in the middle and the transfer goes on by itself. Strangers hear nothing; the third is revoked, and out
/// everywhere at once. In the end the recording is searched for everything that must not be in it. Nothing of it stays on
/// the disk.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The size of the file
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(256 << 20))]
    size: Bytes,
    /// Keep the recording of the wire in this file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    if arguments.size.0 < MIN_SIZE_BYTES {
        return Err(Failure::new(Kind::Usage, format!("the file needs at least {}", Bytes(MIN_SIZE_BYTES)))
            .meaning("a smaller one is through before the wire can be cut"));
    }
    let folder = std::env::temp_dir();
    let needed = arguments.size.0.saturating_mul(DISK_PER_SIZE);
    if super::super::transfer::free_bytes(&folder).is_some_and(|free| free < needed) {
        return Err(Failure::new(
            Kind::LocalIo,
            format!("{} has less than {} left", folder.display(), Bytes(needed)),
        )
        .advice("choose a smaller file: `conclave demo --size 32MiB`")
        .advice("choose another folder for temporary files with the variable TMPDIR"));
    }
    let mut signals = Signals::listen()
        .map_err(|error| Failure::new(Kind::LocalIo, format!("cannot listen for signals: {error}")))?;
    let play = Play { size: arguments.size.0, recording: arguments.record };
    let playing = async { Stage::set(play, &mut context.output).await?.run().await };
    // Dropping the play kills its processes and removes its folders.
    tokio::select! {
        played = playing => played,
        () = signals.next() => Err(Failure::new(Kind::Interrupted, "the demo was interrupted")),
    }
}
