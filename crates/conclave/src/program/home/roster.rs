//! The members of this home: a list in memory and the same list on the disk.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use membership::{Added, Card, IdentityKey, Member, Members, Petname, Record};
use zeroize::Zeroizing;

use super::super::event::{Event, MemberLine};
use super::super::failure::{Failure, Kind};
use super::super::hex;
use super::{Home, HomeLock, file};

/// The list in the hands of several tasks.
#[derive(Debug, Clone)]
pub(crate) struct SharedRoster(Arc<Mutex<Roster>>);

impl SharedRoster {
    pub(crate) fn new(roster: Roster) -> SharedRoster {
        SharedRoster(Arc::new(Mutex::new(roster)))
    }

    /// The list, for as long as the guard lives. Nothing is awaited meanwhile.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Roster> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`Roster::name_of`].
    pub(crate) fn name_of(&self, identity: &IdentityKey) -> String {
        self.lock().name_of(identity)
    }
}

/// The list, and where it is kept. Whoever changes it holds the lock of the home.
#[derive(Debug)]
pub(crate) struct Roster {
    path: PathBuf,
    own: IdentityKey,
    members: Members,
}

impl Home {
    /// Reads the list of members of the identity `own`.
    pub(crate) fn roster(&self, own: IdentityKey) -> Result<Roster, Failure> {
        let path = self.path("members.json");
        let members = match file::read(&path)? {
            None => Members::new(),
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Failure::new(Kind::LocalIo, format!("{} cannot be read: {error}", path.display()))
                    .meaning("the list of members is damaged, or a newer version of this program wrote it")
                    .advice("use the version that wrote it, or restore the file from your backup")
            })?,
        };
        Ok(Roster { path, own, members })
    }
}

impl Roster {
    /// The list.
    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// The member a person means.
    pub(crate) fn find(&self, text: &str) -> Result<&Member, Failure> {
        self.members.find(text).map_err(|error| match error {
            membership::Error::NoSuchMember => {
                Failure::new(Kind::UnknownMember, format!("there is no member `{text}` here"))
                    .advice("see who there is: `conclave member list`")
                    .advice("take them in: `conclave member add -`, then paste their card")
            }
            other => Failure::new(Kind::UnknownMember, format!("`{text}` is not one member: {other}"))
                .advice("name more digits of the member id"),
        })
    }

    /// What a member is called: by name, else by id.
    pub(crate) fn name_of(&self, identity: &IdentityKey) -> String {
        match self.members.get(identity) {
            Some(member) => display_name(member),
            None => membership::MemberId::of(identity).to_string(),
        }
    }

    /// Takes in the member of a card, under `name` if there is one, and saves the list.
    pub(crate) fn add(
        &mut self,
        _lock: &HomeLock,
        card: Card,
        name: Option<Petname>,
    ) -> Result<Event, Failure> {
        if card.identity() == self.own {
            return Err(Failure::new(Kind::BadCard, "this is your own card")
                .meaning("a node is no member of itself")
                .advice("hand it to somebody else, and add theirs here"));
        }
        let named = name.is_some();
        let card = if named { card.with_petname(name.clone()) } else { card };
        let mut members = self.members.clone();
        let added = members.add(&card).map_err(|error| refused(error, card.petname()))?;
        if named {
            // A known member keeps its name unless another one is given.
            members.rename(&card.identity(), name).map_err(|error| refused(error, card.petname()))?;
        }
        self.replace(members)?;
        let member = self.members.get(&card.identity()).map(member_line);
        let line =
            member.ok_or_else(|| Failure::new(Kind::Broken, "the member that was added is not there"))?;
        Ok(match added {
            Added::New(_) => Event::MemberAdded(line),
            Added::Updated(_) => Event::MemberUpdated(line),
        })
    }

    /// Strikes a member off and saves the list; returns whom.
    pub(crate) fn remove(&mut self, _lock: &HomeLock, text: &str) -> Result<(IdentityKey, Event), Failure> {
        let member = self.find(text)?;
        let identity = member.identity();
        let event = Event::MemberRemoved { name: display_name(member), member_id: member.id().to_string() };
        let mut members = self.members.clone();
        members.remove(&identity);
        self.replace(members)?;
        Ok((identity, event))
    }

    /// Takes in what a member showed about its devices in a handshake.
    pub(crate) fn learn(&mut self, _lock: &HomeLock, records: &[Record]) -> Result<(), Failure> {
        let mut members = self.members.clone();
        let mut news = false;
        for record in records {
            // A record that contradicts the list was not accepted by the node either.
            news |= members.learn(record).unwrap_or(false);
        }
        if news { self.replace(members) } else { Ok(()) }
    }

    /// Saves first, so that memory never says more than the disk.
    fn replace(&mut self, members: Members) -> Result<(), Failure> {
        // The doors of all members are in it.
        let json = serde_json::to_vec_pretty(&members).map(Zeroizing::new);
        let json =
            json.map_err(|error| Failure::new(Kind::Broken, format!("the list cannot be written: {error}")))?;
        file::save(&self.path, &json)?;
        self.members = members;
        Ok(())
    }
}

/// A member for other commands and for people.
pub(crate) fn member_line(member: &Member) -> MemberLine {
    MemberLine {
        name: display_name(member),
        member_id: member.id().to_string(),
        identity: hex::encode(member.identity().as_bytes()),
        addresses: member.addresses().iter().map(ToString::to_string).collect(),
        expires: member.devices().map(|record| record.expires().seconds()).max().unwrap_or_default(),
    }
}

fn display_name(member: &Member) -> String {
    member.petname().map_or_else(|| member.id().to_string(), ToString::to_string)
}

fn refused(error: membership::Error, name: Option<&Petname>) -> Failure {
    let failure = Failure::new(Kind::BadCard, format!("the card was not added: {error}"));
    match error {
        membership::Error::PetnameTaken { .. } => failure
            .meaning(format!(
                "two members cannot both be called {}",
                name.map(Petname::as_str).unwrap_or_default()
            ))
            .advice("give this one another name: `conclave member add --name NAME -`"),
        membership::Error::IdTaken { .. } | membership::Error::StaticKeyTaken { .. } => failure
            .meaning("one of the two cards may be forged")
            .advice("compare member ids with both people over another channel before you do anything else"),
        membership::Error::DeviceConflict => failure.advice(
            "ask them which card is right; to start over: `conclave member remove NAME`, then add it",
        ),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use membership::{NetAddress, UnixSeconds};

    use super::super::Keys;
    use super::*;

    struct Person {
        _root: tempfile::TempDir,
        home: Home,
        lock: HomeLock,
        keys: Keys,
    }

    fn person(name: &str) -> Person {
        let root = tempfile::tempdir().unwrap();
        let home = Home::create(&root.path().join("home")).unwrap();
        let lock = home.lock().unwrap();
        let now = UnixSeconds::new(1_800_000_000).unwrap();
        let keys = home.found(&lock, Some(&Petname::new(name).unwrap()), now).unwrap();
        Person { _root: root, home, lock, keys }
    }

    fn card(person: &Person) -> Card {
        person.keys.card(vec![NetAddress::new("192.0.2.1:7411").unwrap()]).unwrap()
    }

    #[test]
    fn a_member_is_added_found_saved_and_removed() {
        let (alice, bob) = (person("alice"), person("bob"));
        let own = alice.keys.identity;
        let mut roster = alice.home.roster(own).unwrap();
        assert!(matches!(roster.add(&alice.lock, card(&bob), None), Ok(Event::MemberAdded(_))));
        assert!(matches!(roster.add(&alice.lock, card(&bob), None), Ok(Event::MemberUpdated(_))));
        let again = alice.home.roster(own).unwrap();
        assert_eq!(again.find("bob").unwrap().identity(), bob.keys.identity);
        let (removed, _) = roster.remove(&alice.lock, "bob").unwrap();
        assert_eq!(removed, bob.keys.identity);
        assert_eq!(alice.home.roster(own).unwrap().find("bob").unwrap_err().kind, Kind::UnknownMember);
    }

    #[test]
    fn the_name_is_mine_to_choose_and_taken_names_are_told() {
        let (alice, bob, other_bob) = (person("alice"), person("bob"), person("bob"));
        let mut roster = alice.home.roster(alice.keys.identity).unwrap();
        roster.add(&alice.lock, card(&bob), None).unwrap();
        let failure = roster.add(&alice.lock, card(&other_bob), None).unwrap_err();
        assert_eq!(failure.kind, Kind::BadCard);
        assert!(failure.advice[0].contains("--name"));
        assert_eq!(roster.members().len(), 1);
        roster.add(&alice.lock, card(&other_bob), Some(Petname::new("robert").unwrap())).unwrap();
        roster.add(&alice.lock, card(&bob), Some(Petname::new("bobby").unwrap())).unwrap();
        roster.add(&alice.lock, card(&bob), None).unwrap();
        assert_eq!(roster.name_of(&bob.keys.identity), "bobby");
        assert_eq!(roster.name_of(&other_bob.keys.identity), "robert");
    }

    #[test]
    fn nobody_is_a_member_of_themselves() {
        let alice = person("alice");
        let mut roster = alice.home.roster(alice.keys.identity).unwrap();
        assert_eq!(roster.add(&alice.lock, card(&alice), None).unwrap_err().kind, Kind::BadCard);
    }

    #[test]
    fn a_list_that_cannot_be_saved_is_not_changed() {
        let (alice, bob) = (person("alice"), person("bob"));
        let mut roster = alice.home.roster(alice.keys.identity).unwrap();
        std::fs::create_dir(alice.home.path("members.json")).unwrap();
        assert_eq!(roster.add(&alice.lock, card(&bob), None).unwrap_err().kind, Kind::LocalIo);
        assert!(roster.members().is_empty());
    }
}
