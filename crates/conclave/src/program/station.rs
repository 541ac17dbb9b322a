//! The node of a home at work. What it does for commands stands in `request`.

mod looking;
mod members;
mod request;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use endpoint::Cause;
use membership::{Identity, IdentityKey, MemberId, NetAddress, Petname, Profile, Record, UnixSeconds};
use node::store::{Batch, KeptCause, Store, StoreError};
use node::{Device, DirectoryConfig, Explained, Node, Noted};
use tokio::sync::mpsc;

use super::actors::Actors;
use super::advice;
use super::chat::Parlor;
use super::command::now;
use super::demo::serve_desk;
use super::event::Event;
use super::failure::{Failure, Kind};
use super::home::{Home, HomeLock, Keys, SharedRoster, due_for_renewal};
use super::transfer::{Exchange, ReceiveLimits, Reception};

/// Under what the mishaps with those who are no members are kept and told.
pub(crate) const STRANGERS: &str = "strangers";

/// What a node does beside what commands ask of it.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    pub(crate) listen: Vec<SocketAddr>,
    /// Where members are told to find it; where it listens, if nothing is said.
    pub(crate) addresses: Vec<NetAddress>,
    pub(crate) receive: Option<(PathBuf, ReceiveLimits)>,
    /// Take what members say.
    pub(crate) chat: bool,
    /// Serve the actor that the demonstration plays with.
    pub(crate) demo_desk: bool,
    /// It ends with the command that it was started for.
    pub(crate) is_brief: bool,
}

/// A running node with its home. Clones share it.
#[derive(Clone)]
pub(crate) struct Station {
    shared: Arc<Shared>,
}

struct Shared {
    node: Node,
    record: Record,
    petname: Option<Petname>,
    /// What signs, where it is at hand: to say what would come of it, beside the node's own.
    signer: Option<Identity>,
    home: Home,
    store: Store,
    /// Behind the store, which is closed before another process may open it.
    _lock: HomeLock,
    roster: SharedRoster,
    exchange: Arc<Exchange>,
    actors: Actors,
    parlor: Arc<Parlor>,
    is_brief: bool,
}

impl Station {
    /// Starts the node of a home. Without a signer it lets nobody in, keeps nobody out, and says nothing new of itself.
    pub(crate) async fn start(
        home: Home,
        lock: HomeLock,
        signer: Option<Identity>,
        duties: Duties,
        events: &mpsc::Sender<Event>,
    ) -> Result<Station, Failure> {
        let (keys, mended) = home.keys(&lock, signer.as_ref(), now()?)?;
        for mended in mended {
            let _ = events.send(mended.notice()).await;
        }
        let store = home.store(&lock)?;
        let roster = SharedRoster::new(home.own_roster(&lock, &store, keys.identity, now()?)?);
        let reception = match duties.receive {
            None => None,
            Some((folder, limits)) => Some(Reception::open(&folder, limits, roster.clone(), events.clone())?),
        };
        let (record, petname) = (keys.record.clone(), keys.petname.clone());
        let ours = signer.as_ref().map(copy_of).transpose()?;
        let place = Place { listen: duties.listen, addresses: duties.addresses };
        let node = spawn(&home, &store, (keys, signer), &roster, place).await?;
        let exchange = Exchange::start(node.clone(), reception)?;
        if duties.demo_desk {
            serve_desk(&node)?;
        }
        let actors = Actors::new(node.clone());
        let parlor = Arc::new(Parlor::new(home.clone(), roster.clone(), events.clone()));
        if duties.chat
            && let Err(failure) = actors.serve_chat(&parlor)
        {
            // Everything else a node does is worth going on for.
            let what = format!("members cannot say anything to this node: {}", failure.what);
            let _ = events.send(Event::Notice { what, advice: String::new() }).await;
        }
        let shared = Shared {
            node,
            record,
            petname,
            signer: ours,
            home,
            store,
            _lock: lock,
            roster,
            exchange,
            actors,
            parlor,
            is_brief: duties.is_brief,
        };
        Ok(Station { shared: Arc::new(shared) })
    }

    pub(crate) fn node(&self) -> &Node {
        &self.shared.node
    }

    /// What to say when the record that this run began with is about to expire.
    pub(crate) fn record_notice(&self) -> Option<Event> {
        due_for_renewal(&self.shared.record, now().ok()?).then(|| Event::Notice {
            what: "the record of this device expires soon: then members take it for nobody's".to_owned(),
            advice: "restart `conclave up`: it renews the record by itself".to_owned(),
        })
    }

    /// What a member is called here.
    pub(crate) fn name_of(&self, identity: &IdentityKey) -> String {
        self.shared.roster.name_of(identity)
    }

    /// Keeps when there was last a session with whom; durable when it returns.
    pub(crate) async fn keep_seen(
        &self,
        seen: &BTreeMap<IdentityKey, UnixSeconds>,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for (identity, at) in seen {
            batch.put_seen(identity, *at);
        }
        self.shared.store.commit(batch).await
    }

    /// Where files go, if any are received.
    pub(crate) fn receives_into(&self) -> Option<&std::path::Path> {
        self.shared.exchange.receives_into()
    }

    /// Stops transfers and sessions. What went wrong last is on the disk then, for `conclave why`.
    pub(crate) async fn shut_down(&self) {
        self.shared.exchange.stop().await;
        self.shared.node.shutdown().await;
    }
}

/// Where a node listens, and where members are told to find it.
struct Place {
    listen: Vec<SocketAddr>,
    addresses: Vec<NetAddress>,
}

async fn spawn(
    home: &Home,
    store: &Store,
    (keys, signer): (Keys, Option<Identity>),
    roster: &SharedRoster,
    place: Place,
) -> Result<Node, Failure> {
    let device = Device::new(keys.device, keys.record)
        .map_err(|error| Failure::new(Kind::Broken, error.to_string()))?;
    let (kept, announced) = {
        let roster = roster.lock();
        (roster.kept().clone(), roster.announced())
    };
    // A node that listens nowhere, or everywhere, does not know where it can be reached: what was said before holds.
    let knows = place.listen.iter().any(|address| !address.ip().is_unspecified());
    let addresses = if place.addresses.is_empty() && !knows { announced } else { place.addresses };
    let config = DirectoryConfig {
        signer,
        policy: None,
        kept,
        keep: Some(roster.keep(home, store)),
        name: keys.petname,
        addresses,
        profile: Profile::new(),
    };
    let mut builder = Node::builder()
        .device(device)
        .door(keys.door)
        .directory(config)
        .store(store.clone())
        .explain_causes(explained);
    for address in place.listen {
        builder = builder.listen(address);
    }
    builder.spawn().await.map_err(|error| match &error {
        node::StartError::Listen { address, source } => Failure::new(
            Kind::LocalIo,
            format!("cannot listen on {address}: {}", super::failure::reason(source)),
        )
        .meaning("another program has that port, or the address is not one of this machine")
        .advice("choose another: `conclave up --listen ADDRESS:PORT`"),
        node::StartError::Store(error) => home.unopened(error),
        _ => Failure::new(Kind::LocalIo, format!("the node could not start: {error}")),
    })
}

/// A cause of failure, for people.
fn explained(cause: &Cause) -> Explained {
    Explained { what: advice::describe(cause), advice: advice::about(cause).to_owned() }
}

/// What went wrong in this run, for people.
fn noted_causes(noted: &[Noted]) -> Vec<KeptCause> {
    let in_words = |noted: &Noted| {
        let Explained { what, advice } = explained(&noted.cause);
        KeptCause { at: noted.at, what, advice }
    };
    noted.iter().map(in_words).collect()
}

/// The same identity once more.
fn copy_of(identity: &Identity) -> Result<Identity, Failure> {
    Identity::from_file_bytes(&identity.dangerous_file_bytes()[..])
        .map_err(|error| Failure::new(Kind::Broken, error.to_string()))
}

/// The id to show for a key.
pub(crate) fn member_id(identity: &IdentityKey) -> String {
    MemberId::of(identity).to_string()
}
