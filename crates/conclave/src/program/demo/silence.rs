//! Four people who must not come in, and what they hear: nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use membership::{DeviceKey, Door, Identity, Record, UnixSeconds};

use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::child::Launcher;
use super::person::Person;
use super::relay::{Relay, Tap};
use super::wire::Search;

/// What was heard at the door.
pub(crate) struct Heard {
    /// Bytes that knocked, of all cases together.
    pub(crate) knocked: u64,
}

/// Where it happens: whose door, and how to get there.
pub(crate) struct Scene<'a> {
    pub(crate) launcher: &'a Launcher,
    pub(crate) root: &'a Path,
    pub(crate) host: &'a Person,
    pub(crate) host_address: SocketAddr,
    pub(crate) tap: Arc<Tap>,
}

/// What is wrong with somebody who knocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// The host does not know them.
    Stranger,
    /// Their card of the host has another door.
    Door,
    /// Their card of the host has another device key.
    Key,
    /// They were a member until a moment ago.
    Removed,
}

impl Scene<'_> {
    /// Has all four knock at the same time. Their keys must not be on the wire either.
    pub(crate) async fn play(&self, search: &mut Search) -> Result<Heard, Failure> {
        let mut people = Vec::new();
        for (name, wrong) in [
            ("mallory", Wrong::Stranger),
            ("chuck", Wrong::Door),
            ("dave", Wrong::Key),
            ("erin", Wrong::Removed),
        ] {
            let person = Person::arrive(self.launcher, self.root, name).await?;
            search.add_person(&person)?;
            people.push((person, wrong));
        }
        let [a, b, c, d] = people.as_slice() else {
            return Err(Failure::new(Kind::Broken, "not four people"));
        };
        let (a, b, c, d) = tokio::try_join!(self.knock(a), self.knock(b), self.knock(c), self.knock(d))?;
        let told = self.host.run(&["why"]).await?.well()?;
        let causes = told.iter().filter(|event| matches!(event, Event::Cause { .. })).count();
        if causes < people.len() {
            return Err(Failure::new(
                Kind::Broken,
                format!("the silent node knows only {causes} reasons: {told:?}"),
            ));
        }
        Ok(Heard { knocked: a + b + c + d })
    }

    /// One of them: the bytes that knocked. It is an error if a single byte came back, or if the command said anything
    /// but "no answer".
    async fn knock(&self, (person, wrong): &(Person, Wrong)) -> Result<u64, Failure> {
        let (name, wrong) = (person.name, *wrong);
        let relay = Relay::start(Arc::clone(&self.tap)).await;
        let relay = relay.map_err(|error| Failure::new(Kind::LocalIo, format!("no relay: {error}")))?;
        relay.lead_to(self.host_address);
        if wrong != Wrong::Stranger {
            self.host.add(&person.card(relay.address()).await?).await?;
        }
        person.add(&self.card(wrong, relay.address()).await?).await?;
        let host = self.host.name;
        let mut removed = None;
        if wrong == Wrong::Removed {
            // In the session the host may say where it is found, and that is not where it can be listened to.
            removed = Some(person.as_of_now()?);
            person.run(&["ping", host]).await?.well()?;
            self.host.run(&["member", "remove", name]).await?.well()?;
        }
        let (knocked, heard) = relay.bytes();
        let ended = removed.as_ref().unwrap_or(person).run(&["ping", host]).await?;
        let (knocked_now, heard_now) = relay.bytes();
        let causes = ended.events.iter().find_map(|event| match event {
            Event::Failed(failure) if failure.kind == Kind::NoAnswer => Some(failure.advice.len()),
            _ => None,
        });
        let broken = |what: String| Err(Failure::new(Kind::Broken, format!("{name} ({wrong:?}) {what}")));
        if ended.code != Some(i32::from(Kind::NoAnswer.exit_code()))
            || causes.is_none_or(|causes| causes == 0)
        {
            return broken(format!(
                "did not get `no answer` with its causes, but code {:?}: {:?}",
                ended.code, ended.events
            ));
        }
        if heard_now != heard {
            return broken(format!("heard {} bytes from a node that should be silent", heard_now - heard));
        }
        if knocked_now == knocked {
            return broken("did not even knock, so that silence means nothing".to_owned());
        }
        Ok(knocked_now - knocked)
    }

    /// The card of the host that this person has.
    async fn card(&self, wrong: Wrong, address: SocketAddr) -> Result<String, Failure> {
        let broken = |error: String| Failure::new(Kind::Broken, format!("no wrong card: {error}"));
        match wrong {
            Wrong::Stranger | Wrong::Removed => self.host.card(address).await,
            Wrong::Door => self.host.forged_card(address, |keys| {
                keys.door = Door::generate(&mut rand::rng());
                Ok(())
            }),
            Wrong::Key => self.host.forged_card(address, |keys| {
                let bytes = std::fs::read(self.host.home.join("identity"))
                    .map_err(|error| broken(error.to_string()))?;
                let identity =
                    Identity::from_file_bytes(&bytes).map_err(|error| broken(error.to_string()))?;
                let other =
                    DeviceKey::generate(&mut rand::rng()).map_err(|error| broken(error.to_string()))?;
                keys.record = Record::issue(&identity, other.id(), other.key(), UnixSeconds::MAX)
                    .map_err(|error| broken(error.to_string()))?;
                Ok(())
            }),
        }
    }
}
