//! Letting in, introducing and keeping out, for commands.

use std::time::Duration;

use membership::{Card, DeviceId, IdentityKey, MemberId, Petname, Scope, Services};
use node::Invitation;
use tokio::time::{Instant, sleep, timeout};

use super::super::admission;
use super::super::command::{member_add, now};
use super::super::event::{Event, StandingWord, TicketLine};
use super::super::failure::{Failure, Kind};
use super::super::hex;
use super::super::ipc::Allowance;
use super::super::standings::{relation_word, some_line};
use super::Station;

/// How long a node waits for somebody whom it tries to tell news at once.
const TELL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a node that ends with its command waits for the news of whoever let it in.
const NEWS_TIMEOUT: Duration = Duration::from_secs(5);
const NEWS_POLL: Duration = Duration::from_millis(20);
/// How long its own news may take, beside a few times the way there and back.
const NEWS_PAUSE: Duration = Duration::from_millis(250);
const NEWS_ROUND_TRIPS: u32 = 4;

impl Station {
    /// Lets the owner of a card in.
    pub(super) async fn add_member(&self, card: &str, name: Option<String>) -> Result<Event, Failure> {
        let card = member_add::parse(card)?;
        let identity = card.identity();
        let name = name.map(Petname::new).transpose();
        let mut name =
            name.map_err(|error| Failure::new(Kind::Usage, format!("that name cannot be used: {error}")))?;
        let known = {
            let roster = self.shared.roster.lock();
            if identity == roster.own() {
                return Err(Failure::new(Kind::BadCard, "this is your own card")
                    .meaning("a node is no member of itself")
                    .advice("hand it to somebody else, and add theirs here"));
            }
            let known = roster.members().get(&identity).is_some();
            if name.is_none() && !roster.kept().names.contains_key(&identity) {
                // From now on they are called that, whatever they call themselves later.
                name = card.petname().cloned();
            }
            let owner = name.as_ref().and_then(|name| roster.owner_of(name));
            if let (Some(owner), Some(name)) = (owner.filter(|owner| *owner != identity), &name) {
                return Err(Failure::new(
                    Kind::BadCard,
                    format!(
                        "the card was not added: another member, {}, is called that",
                        MemberId::of(&owner)
                    ),
                )
                .meaning(format!("two members cannot both be called {name}"))
                .advice("give this one another name: `conclave member add --name NAME -`"));
            }
            known
        };
        self.check_devices(&card)?;
        let vouched = self.shared.node.vouch_for(card, name).await;
        vouched.map_err(|error| admission::unchanged(&error, &self.shared.roster.lock()))?;
        let line = some_line(&self.shared.roster.lock(), &identity);
        Ok(if known { Event::MemberUpdated(line) } else { Event::MemberAdded(line) })
    }

    /// A device key that belongs to another member is no mistake of typing.
    fn check_devices(&self, card: &Card) -> Result<(), Failure> {
        let roster = self.shared.roster.lock();
        for record in card.records() {
            let owner = roster.members().iter().find(|member| {
                member.identity() != card.identity() && member.device(&record.static_key()).is_some()
            });
            if let Some(owner) = owner {
                let what = format!("the card was not added: its device key belongs to {}", owner.id());
                return Err(Failure::new(Kind::BadCard, what)
                    .meaning("one of the two cards may be forged")
                    .advice("compare member ids with both people over another channel before you do anything else"));
            }
        }
        Ok(())
    }

    /// Issues a ticket.
    pub(super) async fn invite(&self, allowance: Allowance) -> Result<Event, Failure> {
        let bound = allowance.bound.as_deref().map(|whom| self.invited(whom)).transpose()?;
        let relation =
            if allowance.client { membership::Relation::Client } else { membership::Relation::Peer };
        let invitation = Invitation {
            seconds: allowance.seconds,
            uses: allowance.uses,
            bound,
            scope: Scope { relation, services: Services::All },
            depth: allowance.depth,
            ..Invitation::default()
        };
        let issued = self.shared.node.invite(invitation).await;
        let ticket = issued.map_err(|error| admission::unchanged(&error, &self.shared.roster.lock()))?;
        let uri = ticket.to_uri().map_err(|error| {
            Failure::new(Kind::Usage, format!("the ticket cannot be written: {error}"))
                .advice("announce fewer or shorter addresses: `conclave up --addresses HOST:PORT`")
        })?;
        Ok(Event::Ticket(TicketLine {
            uri: uri.into(),
            ticket_id: hex::encode(&ticket.id.0),
            expires: ticket.expires.seconds(),
            uses: allowance.uses,
            bound: bound.map(|bound| self.shared.roster.name_of(&bound)),
            relation: relation_word(relation).to_owned(),
            depth: allowance.depth,
            addresses: ticket.card.addresses().iter().map(ToString::to_string).collect(),
            qr: None,
        }))
    }

    /// Somebody's key: given as such, by a card, or by the name of somebody known.
    fn invited(&self, whom: &str) -> Result<IdentityKey, Failure> {
        let whom = whom.trim();
        if let Some(key) = hex::decode(whom) {
            return Ok(IdentityKey(key));
        }
        if let Ok(card) = whom.parse::<Card>() {
            return Ok(card.identity());
        }
        self.shared.roster.lock().find_anybody(whom).map_err(|failure| Failure {
            advice: vec![
                "give their identity: `conclave whoami` prints it at the other end".to_owned(),
                "give their card: `conclave id`".to_owned(),
            ],
            kind: Kind::UnknownMember,
            ..failure
        })
    }

    /// Comes in by somebody's ticket.
    pub(super) async fn join(&self, text: &str) -> Result<(IdentityKey, Event), Failure> {
        let ticket = admission::parse_ticket(text)?;
        let issuer = ticket.card.identity();
        let suggested = ticket.card.petname().cloned();
        // Asked in a statement of its own: a guard lives as long as the match that looks at what it guards.
        let is_known = self.shared.roster.lock().members().get(&issuer).is_some();
        let called = match &suggested {
            Some(name) if !is_known => name.to_string(),
            _ => self.shared.roster.name_of(&issuer),
        };
        let joined = self.shared.node.join(&ticket).await;
        joined.map_err(|error| admission::not_joined(&error, &called, &self.shared.roster.lock()))?;
        self.keep_name(issuer, suggested).await;
        let line = some_line(&self.shared.roster.lock(), &issuer);
        Ok((issuer, Event::Joined(line)))
    }

    /// Calls somebody by the name that they suggested first, if nobody else is called that.
    async fn keep_name(&self, identity: IdentityKey, suggested: Option<Petname>) {
        let free = {
            let roster = self.shared.roster.lock();
            let unnamed = !roster.kept().names.contains_key(&identity);
            suggested.filter(|name| unnamed && roster.owner_of(name).is_none_or(|owner| owner == identity))
        };
        if let Some(name) = free
            && let Err(error) = self.shared.node.rename(identity, Some(name)).await
        {
            // They are in all the same.
            tracing::warn!(%error, "a name was not kept");
        }
    }

    /// Waits, in a node that ends with its command, until news have gone both ways with a member.
    pub(super) async fn exchange_news(&self, member: IdentityKey) {
        let deadline = Instant::now() + NEWS_TIMEOUT;
        let knows = || self.shared.node.directory().is_ok_and(|known| known.announcement(&member).is_some());
        while !knows() && Instant::now() < deadline {
            sleep(NEWS_POLL).await;
        }
        if let Ok(round_trip) = self.shared.node.ping(member).await {
            sleep(NEWS_PAUSE + round_trip * NEWS_ROUND_TRIPS).await;
        }
    }

    /// Introduces two members to each other, and dials them so that they hear it.
    pub(super) async fn introduce(&self, one: &str, other: &str) -> Result<Event, Failure> {
        let ((one, one_called), (other, other_called)) = (self.find(one)?, self.find(other)?);
        let introduced = self.shared.node.introduce(one, other).await;
        introduced.map_err(|error| admission::unchanged(&error, &self.shared.roster.lock()))?;
        let tell = |member| timeout(TELL_TIMEOUT, self.shared.node.ping(member));
        let (first, second) = tokio::join!(tell(one), tell(other));
        if self.shared.is_brief && (matches!(first, Ok(Ok(_))) || matches!(second, Ok(Ok(_)))) {
            sleep(NEWS_PAUSE).await;
        }
        let told = [(&one_called, first), (&other_called, second)];
        let told = told.into_iter().filter(|(_, heard)| matches!(heard, Ok(Ok(_))));
        let told = told.map(|(called, _)| called.clone()).collect();
        Ok(Event::Introduced { one: one_called, other: other_called, told })
    }

    /// Keeps a member out; says whom.
    pub(super) async fn revoke(&self, member: &str) -> Result<(String, String), Failure> {
        let (identity, called) = {
            let roster = self.shared.roster.lock();
            let identity = roster.find_anybody(member)?;
            (identity, roster.name_of(&identity))
        };
        let revoked = self.shared.node.revoke(identity).await;
        revoked.map_err(|error| admission::unchanged(&error, &self.shared.roster.lock()))?;
        Ok((called, MemberId::of(&identity).to_string()))
    }

    /// The same for somebody who is in.
    pub(super) async fn revoke_member(&self, member: &str) -> Result<(String, String), Failure> {
        self.find(member)?;
        self.revoke(member).await
    }

    /// Keeps a device of this node's own identity out.
    pub(super) async fn revoke_device(&self, digits: &str) -> Result<Event, Failure> {
        let device = hex::decode(digits).map(DeviceId).ok_or_else(|| {
            Failure::new(Kind::Usage, "that is no device id").advice("see them: `conclave whoami`")
        })?;
        if device == self.shared.record.device() {
            return Err(Failure::new(Kind::Usage, "that is the device of this home itself")
                .meaning("members would not answer it any more, and nobody would hear why")
                .advice("revoke it from another device of your identity"));
        }
        let revoked = self.shared.node.revoke_device(device).await;
        revoked.map_err(|error| admission::unchanged(&error, &self.shared.roster.lock()))?;
        Ok(Event::DeviceRevoked { device: device.to_string() })
    }

    /// Undoes a revocation of this node's own.
    pub(super) async fn readmit(&self, member: &str) -> Result<Event, Failure> {
        let (identity, name) = {
            let roster = self.shared.roster.lock();
            let identity = roster.find_anybody(member)?;
            (identity, roster.name_of(&identity))
        };
        let readmitted = self.shared.node.readmit(identity).await;
        readmitted.map_err(|error| admission::unchanged(&error, &self.shared.roster.lock()))?;
        let standing = self.shared.roster.lock().settled().standing(&identity);
        let member_id = MemberId::of(&identity).to_string();
        Ok(Event::Readmitted { name, member_id, standing: StandingWord::of(&standing) })
    }

    /// The members one introduction away of whom an address is known.
    pub(crate) fn neighbors(&self) -> Vec<IdentityKey> {
        let members = self.shared.node.members();
        let near = members.iter().filter(|member| {
            !member.addresses().is_empty() && member.reach().is_some_and(|reach| reach.distance == 1)
        });
        near.map(membership::Member::identity).collect()
    }

    /// Where members are told to find this node.
    pub(super) fn announced(&self) -> Vec<Event> {
        let Ok(directory) = self.shared.node.directory() else { return Vec::new() };
        let said = directory.announcement(&self.shared.node.identity());
        let addresses = said.into_iter().flat_map(|said| said.facts().card.addresses());
        addresses.map(|address| Event::Listening { address: address.to_string() }).collect()
    }

    /// A member's key, and what they are called.
    pub(super) fn find(&self, text: &str) -> Result<(IdentityKey, String), Failure> {
        let mut roster = self.shared.roster.lock();
        roster.refresh(now()?);
        let identity = roster.find(text)?;
        Ok((identity, roster.name_of(&identity)))
    }
}
