//! Who says what about whom, as this node keeps it: one change at a time, durable before it shows.

mod authority;
mod change;
mod introduce;
mod invite;
mod join;
mod keep;
mod lines;
mod news;
mod revoke;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use membership::{
    Announcement, Card, Directory, Facts, Identity, IdentityKey, Members, NetAddress, Petname, Policy,
    Profile, Record, Settled, Standing, Statement, StatementId, UnixSeconds, Voucher,
};
use tokio::sync::Notify;

use authority::Authority;
use change::Fresh;
pub(crate) use change::{Change, Roll};
pub use invite::Invitation;
pub use keep::{Keep, Kept};
use lines::Lines;
pub(crate) use news::{keep, listen, stream_name};

use crate::core::Core;
use crate::error::DirectoryError;
use crate::node::Node;
use crate::sync::lock;

/// How long what a node says of itself and of others holds, if nothing else is said: one year.
pub const STATEMENT_SECONDS: u64 = 365 * 24 * 3_600;

/// What a node that lets others in by vouchers starts from. See [`Builder::directory`](crate::Builder::directory).
#[derive(Debug)]
pub struct DirectoryConfig {
    /// What signs for this node. Without it nobody is let in or kept out by this node, and all else works.
    pub signer: Option<Identity>,
    /// What this node decides by; [`Policy::of`] its identity if there is none.
    pub policy: Option<Policy>,
    /// What was kept before this process began.
    pub kept: Kept,
    /// Makes what changes durable before it shows. Without it everything is forgotten when the process ends.
    pub keep: Option<Keep>,
    /// What this node calls itself.
    pub name: Option<Petname>,
    /// Where others find this node; where it listens, if there is none.
    pub addresses: Vec<NetAddress>,
    /// More about its owner.
    pub profile: Profile,
}

impl DirectoryConfig {
    /// A node that knows nobody yet.
    #[must_use]
    pub fn new(signer: Identity) -> Self {
        Self {
            signer: Some(signer),
            policy: None,
            kept: Kept::default(),
            keep: None,
            name: None,
            addresses: Vec::new(),
            profile: Profile::new(),
        }
    }
}

/// Keeps the directory of a node.
pub(crate) struct Keeper {
    state: Mutex<State>,
    signer: Option<Identity>,
    record: Record,
    name: Option<Petname>,
    addresses: Vec<NetAddress>,
    profile: Profile,
    /// What every message is measured by.
    authority: Arc<ArcSwap<Authority>>,
    keep: Option<Keep>,
    /// Somebody is out who knows the door, which was replaced too often lately for another's word.
    owes_door: AtomicBool,
    /// What waits to be told to each peer.
    lines: Lines,
    /// Changes take turns, so that what is stored and what shows follow one order.
    turn: tokio::sync::Mutex<()>,
    /// Everybody was settled anew: somebody's time may be up sooner than it was.
    settled_anew: Notify,
}

struct State {
    kept: Kept,
    policy: Policy,
    /// Those to whom we are on the way with a ticket of theirs: in for as long as that takes.
    hosts: BTreeMap<IdentityKey, (Card, Voucher)>,
    settled: Arc<Settled>,
    /// How often everybody was settled.
    settlements: u64,
    /// The names of all statements: members ask for them, and each is a hash.
    known: Arc<BTreeSet<StatementId>>,
}

impl Keeper {
    pub(crate) fn new(
        config: DirectoryConfig,
        record: Record,
        listens: &[NetAddress],
        now: UnixSeconds,
    ) -> Self {
        let DirectoryConfig { signer, policy, kept, keep, name, addresses, profile } = config;
        let policy = policy.unwrap_or_else(|| Policy::of(record.identity()));
        let settled = Arc::new(Settled::new(&kept.directory, &policy, now.max(kept.horizon)));
        let authority = Arc::new(ArcSwap::from_pointee(Authority::new(policy.clone(), Arc::clone(&settled))));
        let known = Arc::new(names_of(&kept.directory));
        let hosts = BTreeMap::new();
        let state = State { kept, policy, hosts, settled, settlements: 0, known };
        let addresses = if addresses.is_empty() { listens.to_vec() } else { addresses };
        let (turn, owes_door) = (tokio::sync::Mutex::default(), AtomicBool::new(false));
        let state = Mutex::new(state);
        let settled_anew = Notify::new();
        Self {
            state,
            signer,
            record,
            name,
            addresses,
            profile,
            authority,
            keep,
            owes_door,
            lines: Lines::default(),
            turn,
            settled_anew,
        }
    }

    fn signer(&self) -> Result<&Identity, DirectoryError> {
        self.signer.as_ref().ok_or(DirectoryError::Locked)
    }

    /// Settles everybody at a date; the list of members that follows.
    pub(crate) fn settle(&self, now: UnixSeconds) -> Roll {
        let mut state = lock(&self.state);
        let roll = state.settle(now);
        // Within the lock, so that no older one takes the place of a newer.
        self.authority.store(Arc::new(Authority::new(state.policy.clone(), Arc::clone(&state.settled))));
        self.settled_anew.notify_one();
        roll
    }

    /// Whether standings may be others by now. Not after the clock was set back: whose time is up stays out.
    fn is_to_be_settled(&self, date: UnixSeconds) -> bool {
        lock(&self.state).settled.next_change().is_some_and(|change| change <= date)
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        Arc::clone(&lock(&self.state).kept.directory)
    }

    pub(crate) fn settled(&self) -> Arc<Settled> {
        Arc::clone(&lock(&self.state).settled)
    }

    /// This node's own card, behind a door.
    fn card(&self, door: membership::Door) -> Result<Card, membership::Error> {
        Card::new(vec![self.record.clone()], door, self.addresses.clone(), self.name.clone())
    }

    /// What this node says about itself now, if that is not what it has said last.
    fn announcement(
        &self,
        door: membership::Door,
        suites: Vec<u16>,
        now: UnixSeconds,
    ) -> Result<Option<Statement>, DirectoryError> {
        let signer = self.signer()?;
        let directory = self.directory();
        let said = directory.announcement(&signer.key());
        let facts = Facts {
            card: self.card(door)?,
            suites,
            services: BTreeSet::new(),
            profile: self.profile.clone(),
            expires: now.saturating_add(STATEMENT_SECONDS),
        };
        let current = said.is_some_and(|said| {
            let Facts { card, suites, services, profile, expires } = said.facts();
            let holds = *expires > now.saturating_add(STATEMENT_SECONDS / 2);
            let same = (card, suites, services, profile)
                == (&facts.card, &facts.suites, &facts.services, &facts.profile);
            holds && same
        });
        if current {
            return Ok(None);
        }
        let version = directory.next_announcement_version(&signer.key(), now);
        Ok(Some(Statement::Announcement(Announcement::issue(signer, version, facts)?)))
    }
}

impl State {
    /// Puts in what is durable now.
    fn put(&mut self, kept: Kept) {
        if !Arc::ptr_eq(&self.kept.directory, &kept.directory) {
            self.known = Arc::new(names_of(&kept.directory));
        }
        self.kept = kept;
    }

    /// Settles everybody anew, by the latest date seen: whoever's time was up stays out when the clock is set back.
    fn settle(&mut self, now: UnixSeconds) -> Roll {
        let now = now.max(self.kept.horizon);
        self.kept.horizon = now;
        let mut directory = Directory::clone(&self.kept.directory);
        for (card, voucher) in self.hosts.values() {
            directory.add_card(card.clone());
            // This node's own word, which fails only if it alone has said too much.
            directory.merge_own(Statement::Voucher(voucher.clone())).ok();
        }
        let settled = Settled::new(&directory, &self.policy, now);
        let members = Members::settled(&directory, &settled, &self.kept.names);
        self.settled = Arc::new(settled);
        self.settlements += 1;
        Roll { number: self.settlements, members: Arc::new(members) }
    }
}

fn names_of(directory: &Directory) -> BTreeSet<StatementId> {
    directory.statements().map(|statement| statement.id()).collect()
}

impl Core {
    pub(crate) fn keeper(&self) -> Result<&Keeper, DirectoryError> {
        self.keeper.as_ref().ok_or(DirectoryError::ByHand)
    }

    /// The numbers of the suites that this node accepts, best first.
    fn spoken_suites(&self) -> Vec<u16> {
        self.keys.load().suites.iter().map(|suite| suite.id()).collect()
    }

    /// Says anew what this node says about itself, if that has changed.
    pub(crate) async fn announce_self(self: &Arc<Self>) -> Result<(), DirectoryError> {
        let keeper = self.keeper()?;
        let door = self.keys.load().responder.door.clone();
        match keeper.announcement(door, self.spoken_suites(), self.machine.date())? {
            Some(statement) => self.change(vec![Change::Statement(statement)]).await,
            None => Ok(()),
        }
    }
}

impl Node {
    /// What was said by whom, as of now.
    ///
    /// # Errors
    /// [`DirectoryError::ByHand`].
    pub fn directory(&self) -> Result<Arc<Directory>, DirectoryError> {
        Ok(self.core().keeper()?.directory())
    }

    /// Everybody's standing, as of the last change.
    ///
    /// # Errors
    /// [`DirectoryError::ByHand`].
    pub fn settled(&self) -> Result<Arc<Settled>, DirectoryError> {
        Ok(self.core().keeper()?.settled())
    }

    /// What somebody is to this node.
    ///
    /// # Errors
    /// [`DirectoryError::ByHand`].
    pub fn standing(&self, member: &IdentityKey) -> Result<Standing, DirectoryError> {
        Ok(self.settled()?.standing(member))
    }
}
