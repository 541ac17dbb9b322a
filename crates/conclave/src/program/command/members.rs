//! `conclave members`

use clap::Args;

use super::super::event::Event;
use super::super::failure::Failure;
use super::super::home::Home;
use super::super::ipc::{self, Request};
use super::super::standings::{self, Presence};
use super::{Context, now};

/// Print who is in and by whose word, as a tree; then who is out, and by whose
///
/// Name, member id, and then: who vouches, for how long still, whether they may introduce others, when they were last here.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    let now = now()?;
    // Files are replaced whole, so that reading needs no lock.
    let roster = home.roster(home.keys_as_they_are()?.identity, now)?;
    let (presence, _) = presence(&home).await?;
    let lines = standings::tree(&roster, &presence, now);
    if lines.is_empty() {
        context.output.talk("nobody yet; let somebody in with `conclave invite`");
    }
    for line in &lines {
        context.output.show(line);
    }
    Ok(())
}

/// With whom there are sessions, and when there last were; and whether a node runs.
pub(crate) async fn presence(home: &Home) -> Result<(Presence, bool), Failure> {
    let seen = home.seen().unwrap_or_else(|failure| {
        tracing::warn!(%failure, "when members were last here is not known");
        super::super::home::Seen::new()
    });
    let mut presence = Presence { seen, ..Presence::default() };
    let Some(mut running) = ipc::connect(&home.socket()?).await? else {
        return Ok((presence, false));
    };
    running.ask(Request::Sessions).await?;
    while let Some(event) = running.next().await? {
        if let Event::Session { identity, .. } = event {
            presence.connected.insert(identity);
        }
    }
    Ok((presence, true))
}
