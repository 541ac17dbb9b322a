//! `conclave doctor`

use clap::Args;
use membership::UnixSeconds;

use super::super::account::{self, Seen};
use super::super::checkup::{self, Topic};
use super::super::event::{Event, Verdict};
use super::super::failure::{Failure, Kind};
use super::super::home::{Home, HomeLock, Roster};
use super::super::ipc::{self, Request, Running};
use super::{Context, now};

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Look for what is wrong with this node or soon will be, and say what to do about each
///
/// Permissions, keys, clock, store, whether a node runs and takes connections, whom it cannot reach, what ends soon. Changes
/// nothing, and asks for no passphrase. Ends with 10 where there is a problem; warnings are none.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    let mut problems = 0_u32;
    for event in examine(context).await? {
        if matches!(&event, Event::Check(line) if line.verdict == Verdict::Problem) {
            problems += 1;
        }
        context.output.show(&event);
    }
    match problems {
        0 => Ok(()),
        1 => Err(Failure::new(Kind::Unhealthy, "there is a problem")),
        count => Err(Failure::new(Kind::Unhealthy, format!("there are {count} problems"))),
    }
}

async fn examine(context: &Context) -> Result<Vec<Event>, Failure> {
    let folder = &context.home_folder;
    match Home::open(folder) {
        Err(failure) if failure.kind == Kind::HomeMissing => return Err(failure),
        // What else is wrong with it comes up below.
        _ => {}
    }
    let home = Home::at(folder);
    let mut lines = checkup::permissions(folder);
    lines.extend(checkup::identity(&home));
    let socket = home.socket()?;
    match ipc::connect(&socket).await {
        Err(failure) => lines.push(Topic::Node.failed(&failure)),
        Ok(Some(running)) => match ask(running).await {
            Ok(told) => lines.extend(told),
            Err(failure) => lines.push(Topic::Node.failed(&failure)),
        },
        Ok(None) => lines.extend(alone(&home)),
    }
    Ok(lines)
}

/// What a running node finds out about itself.
async fn ask(mut running: Running) -> Result<Vec<Event>, Failure> {
    running.ask(Request::Examine { program: VERSION.to_owned() }).await?;
    let mut lines = Vec::new();
    while let Some(event) = running.next().await? {
        lines.push(event);
    }
    Ok(lines)
}

/// What can be found out without one.
fn alone(home: &Home) -> Vec<Event> {
    let mut lines = vec![
        Topic::Version.ok(VERSION),
        Topic::Node.warning(
            "no node runs: nobody can reach this machine, and nobody comes in by its tickets",
            "start it: `conclave up`",
        ),
    ];
    let now = match now() {
        Ok(now) => now,
        Err(failure) => return [lines, vec![Topic::Clock.failed(&failure)]].concat(),
    };
    match home.try_lock() {
        Ok(Some(lock)) if home.has_store() => match read(home, &lock, now) {
            Err(failure) => {
                lines.push(checkup::clock(now, None));
                lines.push(Topic::Store.failed(&failure));
            }
            Ok((roster, seen)) => {
                lines.push(checkup::clock(now, Some((&roster, &seen))));
                lines.push(checkup::store(roster.kept()));
                lines.push(checkup::members(&roster));
                lines.push(checkup::doors(&roster, now));
                if let Ok(keys) = home.keys_as_they_are() {
                    lines.extend(checkup::expiry(&roster, &keys.record, now));
                }
            }
        },
        Ok(Some(_)) => {
            lines.push(checkup::clock(now, None));
            lines.push(Topic::Store.ok("there is none yet: the first command that needs it makes it"));
        }
        Ok(None) => {
            lines.push(checkup::clock(now, None));
            lines.push(Topic::Store.warning(
                "another command has the home, so that its store was not looked at",
                "try again when it is done",
            ));
        }
        Err(failure) => lines.push(Topic::Home.failed(&failure)),
    }
    lines
}

/// All that is in the store and is looked at.
fn read(home: &Home, lock: &HomeLock, now: UnixSeconds) -> Result<(Roster, Seen), Failure> {
    let store = home.store(lock)?;
    Ok((home.roster(&store, home.identity_key()?, now)?, account::seen(&store, home)?))
}
