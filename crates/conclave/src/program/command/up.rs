//! `conclave up`

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use endpoint::Cause;
use membership::{IdentityKey, NetAddress, UnixSeconds};
use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};

use super::super::advice;
use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::super::hex;
use super::super::home::Home;
use super::super::ipc;
use super::super::signals::Signals;
use super::super::size::Bytes;
use super::super::station::{Duties, Station, member_id};
use super::super::transfer::ReceiveLimits;
use super::{Context, Holder, now};

/// Where a node listens that was not told where.
pub(crate) const DEFAULT_PORT: u16 = 4433;

/// Events on their way to the output.
const QUEUE_EVENTS: usize = 256;
/// How often to call on members; news reaches those who are connected at once.
const VISIT_INTERVAL: Duration = Duration::from_secs(3_600);
/// Members to call on each time.
const MAX_VISITS: usize = 256;
const VISITS_AT_ONCE: usize = 8;
/// How often to look whether the own record is about to expire: it is renewed at the start only.
const RECORD_CHECK_INTERVAL: Duration = Duration::from_secs(24 * 3_600);
/// How often what is kept of peers is written, if there is anything new.
const SAVE_INTERVAL: Duration = Duration::from_secs(5);

/// Run the node until it is stopped: listen, keep sessions, receive files, serve other commands of this home
///
/// Prints one line for each event.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where to listen, any number of times; port 0 takes a free one [default: 0.0.0.0:4433]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<SocketAddr>,
    /// Listen nowhere: only members whom this node dials can speak with it
    #[arg(long, conflicts_with = "listen")]
    no_listen: bool,
    /// Where members and the tickets of this node say that it is reached, for instance home.example:4433 [default: where it
    /// listens, if that is certain; else what was said last]
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    addresses: Vec<NetAddress>,
    /// Receive files of members into this folder; nothing in it is ever replaced
    #[arg(long, value_name = "FOLDER")]
    receive: Option<PathBuf>,
    /// The largest file to receive
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(ReceiveLimits::default().file_bytes))]
    max_file: Bytes,
    /// What one member may send in all, until this node is restarted
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(ReceiveLimits::default().member_bytes))]
    max_member: Bytes,
    /// What all members together may send, until this node is restarted
    #[arg(long, value_name = "SIZE", default_value_t = Bytes(ReceiveLimits::default().total_bytes))]
    max_total: Bytes,
    /// Stop when standard input ends: the node then never outlives the process that started it
    #[arg(long)]
    until_stdin_ends: bool,
    /// Serve the actor that `conclave demo` plays with
    #[arg(long, hide = true)]
    demo_desk: bool,
}

impl Arguments {
    fn duties(&self) -> Duties {
        let listen = match self.listen.as_slice() {
            [] if self.no_listen => Vec::new(),
            [] => vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT))],
            chosen => chosen.to_vec(),
        };
        let limits = ReceiveLimits {
            file_bytes: self.max_file.0,
            member_bytes: self.max_member.0,
            total_bytes: self.max_total.0,
            ..ReceiveLimits::default()
        };
        let receive = self.receive.clone().map(|folder| (folder, limits));
        let addresses = self.addresses.clone();
        Duties { listen, addresses, receive, chat: true, demo_desk: self.demo_desk, is_brief: false }
    }
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    let Holder::Us(lock) = context.holder(&home).await? else {
        return Err(Failure::new(Kind::HomeLocked, "a node runs in this home already")
            .advice("use it: other commands of this home reach it by themselves")
            .advice("for a second node on this machine, make a second home: `conclave --home FOLDER init`"));
    };
    // Before anything listens for signals: whoever is asked can break off.
    let signer = context.unlock(&home)?;
    let mut signals =
        Signals::listen().map_err(|error| Failure::io("listening for signals in", home.folder(), &error))?;
    let socket = home.socket()?;
    let (events, mut queue) = mpsc::channel(QUEUE_EVENTS);
    let station = Station::start(home, lock, Some(signer), arguments.duties(), &events).await?;
    let listener = ipc::bind(&socket)?;
    let server = tokio::spawn(ipc::serve(listener, station.clone()));
    announce(&station, context);

    let (stop, stopping) = oneshot::channel();
    let watching = tokio::spawn(watch(station.clone(), events, stopping));
    let visiting = tokio::spawn(visit(station.clone()));
    let mut ended = std::pin::pin!(stdin_end(arguments.until_stdin_ends));
    loop {
        tokio::select! {
            Some(event) = queue.recv() => context.output.show(&event),
            () = signals.next() => break,
            () = &mut ended => break,
        }
    }
    // From here on commands find no node; the lock stays until the process has ended.
    let _ = std::fs::remove_file(&socket);
    server.abort();
    visiting.abort();
    let mut shutting = std::pin::pin!(station.shut_down());
    let shut = loop {
        tokio::select! {
            Some(event) = queue.recv() => context.output.show(&event),
            () = &mut shutting => break Ok(()),
            () = signals.next() => break Err(Failure::new(Kind::Interrupted, "stopped at once, without farewell")),
        }
    };
    drop(stop);
    let _ = watching.await;
    while let Ok(event) = queue.try_recv() {
        context.output.show(&event);
    }
    context.output.show(&Event::Down);
    shut
}

fn announce(station: &Station, context: &mut Context) {
    let identity = station.node().identity();
    let up = Event::Up { member_id: member_id(&identity), identity: hex::encode(identity.as_bytes()) };
    context.output.show(&up);
    for address in station.node().local_addresses() {
        context.output.show(&Event::Listening { address: address.to_string() });
    }
    if let Some(folder) = station.receives_into() {
        context.output.show(&Event::ReceivingInto { folder: folder.display().to_string() });
    }
}

/// Tells what happens to peers, and keeps what must outlive this run.
async fn watch(station: Station, events: mpsc::Sender<Event>, mut stop: oneshot::Receiver<()>) {
    let mut peers = station.node().events();
    let mut journal = Journal::default();
    let mut save = interval_at(Instant::now() + SAVE_INTERVAL, SAVE_INTERVAL);
    let mut record_check = interval_at(Instant::now() + RECORD_CHECK_INTERVAL, RECORD_CHECK_INTERVAL);
    loop {
        let event = tokio::select! {
            biased;
            event = peers.next() => event,
            _ = &mut stop => break,
            _ = record_check.tick() => {
                if let Some(notice) = station.record_notice() {
                    let _ = events.try_send(notice);
                }
                continue;
            }
            _ = save.tick() => {
                journal.save(&station).await;
                continue;
            }
        };
        let told = match event {
            None => break,
            Some(node::Event::PeerUp { peer, .. }) => {
                journal.saw(&peer.identity);
                Event::Connected { member: station.name_of(&peer.identity) }
            }
            Some(node::Event::PeerDown { peer, cause, .. }) => {
                journal.saw(&peer.identity);
                let (member, why) = (station.name_of(&peer.identity), cause.to_string());
                let advice = advice::about(&Cause::Ended(cause)).to_owned();
                Event::Disconnected { member, cause: why, advice }
            }
            Some(node::Event::PeerRestarted { peer, .. }) => {
                Event::Restarted { member: station.name_of(&peer.identity) }
            }
            Some(_) => continue,
        };
        // A full queue is waited for nowhere: the output must not hold up what is kept.
        let _ = events.try_send(told);
    }
    journal.save(&station).await;
}

/// Calls on the members whom this node has let in, or who have let it in: they hear where it is now, and it hears what is
/// new, at the start and now and then.
async fn visit(station: Station) {
    let mut rounds = interval_at(Instant::now(), VISIT_INTERVAL);
    loop {
        rounds.tick().await;
        let mut visits = JoinSet::new();
        for member in station.neighbors().into_iter().take(MAX_VISITS) {
            if visits.len() >= VISITS_AT_ONCE {
                visits.join_next().await;
            }
            let node = station.node().clone();
            // Whoever is not there calls when they are back, or is tried again.
            visits.spawn(async move { node.connect(member).await.is_ok() });
        }
        while visits.join_next().await.is_some() {}
    }
}

/// When members were here, as far as it is not on the disk yet. All else the node keeps itself.
#[derive(Default)]
struct Journal {
    seen: BTreeMap<IdentityKey, UnixSeconds>,
}

impl Journal {
    fn saw(&mut self, member: &IdentityKey) {
        if let Ok(now) = now() {
            self.seen.insert(*member, now);
        }
    }

    async fn save(&mut self, station: &Station) {
        if self.seen.is_empty() {
            return;
        }
        match station.keep_seen(&self.seen).await {
            Ok(()) => self.seen.clear(),
            Err(error) => tracing::warn!(%error, "when members were last here was not kept"),
        }
    }
}

/// Resolves when standard input has ended, if that counts.
async fn stdin_end(counts: bool) {
    if !counts {
        return std::future::pending().await;
    }
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 256];
    while matches!(stdin.read(&mut ignored).await, Ok(count) if count > 0) {}
}
