//! The node of a home at work. What it does for commands stands in `request`.

mod members;
mod request;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use membership::{Identity, IdentityKey, MemberId, NetAddress, Profile, Record};
use node::{Counter, Device, DirectoryConfig, Node, Noted};
use tokio::sync::mpsc;

use super::actors::Actors;
use super::advice;
use super::chat::Parlor;
use super::command::now;
use super::demo::serve_desk;
use super::event::Event;
use super::failure::{Failure, Kind};
use super::hex;
use super::home::{Confirmed, Home, HomeLock, Keys, Mishap, Seen, SharedRoster, due_for_renewal};
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
    home: Home,
    lock: HomeLock,
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
        let roster = SharedRoster::new(home.own_roster(&lock, keys.identity, now()?)?);
        let reception = match duties.receive {
            None => None,
            Some((folder, limits)) => Some(Reception::open(&folder, limits, roster.clone(), events.clone())?),
        };
        let record = keys.record.clone();
        let place = Place { listen: duties.listen, addresses: duties.addresses };
        let node = spawn(&home, &lock, (keys, signer), &roster, place).await?;
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
        let shared =
            Shared { node, record, home, lock, roster, exchange, actors, parlor, is_brief: duties.is_brief };
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

    /// When there was last a session with whom.
    pub(crate) fn seen(&self) -> Result<Seen, Failure> {
        self.shared.home.seen()
    }

    /// Keeps when there was last a session with whom.
    pub(crate) fn save_seen(&self, seen: Seen) -> Result<(), Failure> {
        self.shared.home.save_seen(&self.shared.lock, seen)
    }

    /// Where files go, if any are received.
    pub(crate) fn receives_into(&self) -> Option<&std::path::Path> {
        self.shared.exchange.receives_into()
    }

    /// The counters that peers have confirmed before.
    pub(crate) fn confirmed(&self) -> Result<Confirmed, Failure> {
        self.shared.home.confirmed()
    }

    /// Keeps the counters that peers have confirmed.
    pub(crate) fn save_confirmed(&self, confirmed: Confirmed) -> Result<(), Failure> {
        self.shared.home.save_confirmed(&self.shared.lock, confirmed)
    }

    /// Stops transfers and sessions, and keeps what went wrong for `conclave why`.
    pub(crate) async fn shut_down(&self) -> Result<(), Failure> {
        self.shared.exchange.stop().await;
        self.shared.node.shutdown().await;
        self.save_history()
    }

    fn save_history(&self) -> Result<(), Failure> {
        let mut history = self.shared.home.history()?;
        let members = self.shared.node.members();
        for member in members.iter() {
            let new = mishaps(&self.shared.node.why(&member.identity()));
            history.entry(hex::encode(member.identity().as_bytes())).or_default().extend(new);
        }
        let strangers = mishaps(&self.shared.node.stranger_causes());
        history.entry(STRANGERS.to_owned()).or_default().extend(strangers);
        self.shared.home.save_history(&self.shared.lock, history)
    }
}

/// Where a node listens, and where members are told to find it.
struct Place {
    listen: Vec<SocketAddr>,
    addresses: Vec<NetAddress>,
}

async fn spawn(
    home: &Home,
    lock: &HomeLock,
    (keys, signer): (Keys, Option<Identity>),
    roster: &SharedRoster,
    place: Place,
) -> Result<Node, Failure> {
    let counter_file = home.counter();
    let counter = Counter::durable(counter_file.reserved()?, move |value| {
        counter_file.store(value).map_err(std::io::Error::other)
    });
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
        keep: Some(roster.keep(home, lock)),
        name: keys.petname,
        addresses,
        profile: Profile::new(),
    };
    let mut builder = Node::builder().device(device).door(keys.door).directory(config).counter(counter);
    for address in place.listen {
        builder = builder.listen(address);
    }
    for (peer, counter) in home.confirmed()? {
        if let Some(peer) = peer_of(&peer) {
            builder = builder.confirmed_counter(peer, counter);
        }
    }
    builder.spawn().await.map_err(|error| match &error {
        node::StartError::Listen { address, source } => Failure::new(
            Kind::LocalIo,
            format!("cannot listen on {address}: {}", super::failure::reason(source)),
        )
        .meaning("another program has that port, or the address is not one of this machine")
        .advice("choose another: `conclave up --listen ADDRESS:PORT`"),
        _ => Failure::new(Kind::LocalIo, format!("the node could not start: {error}")),
    })
}

/// How a peer is named in the file of confirmed counters.
pub(crate) fn peer_name(peer: &endpoint::PeerId) -> String {
    format!("{}{}", hex::encode(peer.identity.as_bytes()), hex::encode(peer.device.as_bytes()))
}

fn peer_of(name: &str) -> Option<endpoint::PeerId> {
    let (identity, device) = name.split_at_checked(64)?;
    Some(endpoint::PeerId {
        identity: membership::IdentityKey(hex::decode(identity)?),
        device: membership::StaticKey(hex::decode(device)?),
    })
}

/// What went wrong in this run, for people.
fn mishaps(noted: &[Noted]) -> Vec<Mishap> {
    noted
        .iter()
        .map(|noted| Mishap {
            at: noted.at.seconds(),
            what: advice::describe(&noted.cause),
            advice: advice::about(&noted.cause).to_owned(),
        })
        .collect()
}

/// The lines of `conclave why`, the latest last.
pub(crate) fn causes(called: &str, mishaps: Vec<Mishap>) -> Result<Vec<Event>, Failure> {
    let now = now()?.seconds();
    let line = |mishap: Mishap| Event::Cause {
        member: called.to_owned(),
        age_seconds: now.saturating_sub(mishap.at),
        what: mishap.what,
        advice: mishap.advice,
    };
    Ok(mishaps.into_iter().map(line).collect())
}

/// The id to show for a key.
pub(crate) fn member_id(identity: &IdentityKey) -> String {
    MemberId::of(identity).to_string()
}
