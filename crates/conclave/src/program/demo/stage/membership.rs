//! The steps about who is in: a third person is introduced, and later revoked.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::super::super::event::Event;
use super::super::guest::Guest;
use super::super::person::Person;
use super::{Failure, Kind, Stage, millis_since, tell};

/// How often to ask whether somebody is out.
const POLL: Duration = Duration::from_millis(20);

impl Stage<'_> {
    /// Carol comes in by a ticket of alice, who introduces her to bob: the two have never met.
    pub(super) async fn introduce(&mut self) -> Result<(), Failure> {
        let started = Instant::now();
        let ticket = self.alice.invite().await?;
        self.search.add_ticket(&ticket)?;
        let carol = Person::join(&self.launcher, self.root.path(), "carol", ticket.expose()).await?;
        self.search.add_person(&carol)?;
        let used = self.try_ticket("dana", ticket.expose()).await?;
        if used != Some(i32::from(Kind::NoAnswer.exit_code())) {
            return broken(format!("a ticket for one was used by two: exit code {used:?}"));
        }
        let guest = Guest::start(&carol, &self.alice).await?;
        let introduced = self.alice.run(&["introduce", self.bob.name, carol.name]).await?.well()?;
        if !introduced.iter().any(|event| matches!(event, Event::Introduced { .. })) {
            return broken(format!("nobody was introduced: {introduced:?}"));
        }
        // Whoever hears it first would knock at a door behind which nobody knows them yet.
        guest.hears_of(&self.bob).await?;
        self.bob.sees(carol.name, |_| true).await?;
        guest.desk(&self.bob).await?;
        let detail = format!(
            "carol, {}, came in by a ticket of alice, which did not open a second time; alice introduced her to bob, \
             and the two speak directly",
            carol.member_id
        );
        tell(self.output, "an introduction", detail, started);
        self.carol = Some((carol, guest));
        Ok(())
    }

    /// Somebody else tries a ticket; the exit code.
    async fn try_ticket(&self, name: &'static str, ticket: &str) -> Result<Option<i32>, Failure> {
        let arguments = ["join", "-", "--no-passphrase", "--name", name].map(std::ffi::OsStr::new);
        let ended = self.launcher.run(&self.root.path().join(name), &arguments, ticket).await?;
        Ok(ended.code)
    }

    /// Alice revokes carol: she is out at alice and at bob, and bob cannot bring her back.
    pub(super) async fn revoke(&mut self) -> Result<(), Failure> {
        let started = Instant::now();
        let (carol, guest) =
            self.carol.take().ok_or_else(|| Failure::new(Kind::Broken, "carol is missing"))?;
        guest.desk(&self.bob).await?;
        self.bob.run(&["ping", self.alice.name]).await?.well()?;
        let would = self.alice.run(&["revoke", carol.name, "--dry-run"]).await?.well()?;
        let whom = |event: &Event| matches!(event, Event::WouldChange(change) if change.name == carol.name);
        if would.len() != 1 || !would.iter().all(whom) {
            return broken(format!("revoking carol would change: {would:?}"));
        }
        let revoked = Instant::now();
        self.alice.run(&["revoke", carol.name]).await?.well()?;
        // Not the end of a session: that may be an earlier one.
        self.bob.sees_revoked(carol.name).await?;
        // What a command reads is durable, and shows at the node a moment later. The step has a limit of its own.
        let mut noticed = millis_since(revoked);
        while guest.desk(&self.bob).await.is_ok() {
            sleep(POLL).await;
            noticed = millis_since(revoked);
        }
        let card = carol.keys()?.card(Vec::new()).and_then(|card| card.to_text());
        let card = card.map_err(|error| Failure::new(Kind::Broken, format!("no card: {error}")))?;
        let back = self.bob.run_with(&["member", "add", "-"], &card).await?;
        if back.code != Some(i32::from(Kind::Refused.exit_code())) {
            return broken(format!("bob brought carol back: {:?}", back.events));
        }
        guest.leave().await;
        let detail = format!(
            "alice revoked carol: {noticed} ms later she was out at bob too, who could not bring her back"
        );
        tell(self.output, "a revocation", detail, started);
        Ok(())
    }
}

fn broken<T>(what: String) -> Result<T, Failure> {
    Err(Failure::new(Kind::Broken, what))
}
