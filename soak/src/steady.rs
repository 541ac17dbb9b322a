//! The process that is measured: one node that lives the whole time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use node::{Event, Invitation, Node};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::activity::{Activity, LONG, Quiet};
use crate::child::Ear;
use crate::line::{Count, Order, Reply};
use crate::person::{STEADY, identity_of, start};
use crate::plan::STEADY_WORKERS;

/// How long its tickets open: those that were not used are gone soon.
const TICKET_SECONDS: u64 = 60;
/// Services whose names others were told, and that live as long as the node.
const NAMED_SERVICES: usize = 1;
/// How often to look whether nothing is left of sessions.
const GLANCE: Duration = Duration::from_millis(50);

/// How it is started.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The seed of the run
    #[arg(long)]
    seed: u64,
    /// Where its store is
    #[arg(long)]
    home: PathBuf,
    /// Where others are told to find it
    #[arg(long)]
    relay: SocketAddr,
}

struct Steady {
    seed: u64,
    activity: Arc<Activity>,
    quiet: Option<Quiet>,
    sessions: Arc<AtomicU64>,
    allocated_bytes: fn() -> u64,
}

/// Is the steady node until it is told to end.
pub(crate) async fn run(args: &Args, allocated_bytes: fn() -> u64) -> Result<()> {
    let node = start(args.seed, STEADY, &args.home, Some(args.relay)).await?;
    let address = node.local_addresses().first().context("it listens nowhere")?.to_string();
    let sessions = Arc::new(AtomicU64::new(0));
    tokio::spawn(count_sessions(node.clone(), Arc::clone(&sessions)));
    let activity = Activity::new(node, None)?;
    // Nobody is there yet: the first count is that of a node at rest.
    let mut steady =
        Steady { seed: args.seed, quiet: Some(activity.hush().await), activity, sessions, allocated_bytes };
    steady.activity.work(STEADY_WORKERS, &mut StdRng::seed_from_u64(args.seed));
    let mut ear = Ear::new();
    ear.say(&Reply::Ready { address })?;
    while let Some(order) = ear.hear().await? {
        let is_last = order == Order::End;
        let reply =
            steady.obey(order).await.unwrap_or_else(|error| Reply::Failed { why: format!("{error:#}") });
        ear.say(&reply)?;
        if is_last {
            break;
        }
    }
    Ok(())
}

async fn count_sessions(node: Node, count: Arc<AtomicU64>) {
    let mut events = node.events();
    while let Some(event) = events.next().await {
        if matches!(event, Event::PeerUp { .. }) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Steady {
    async fn obey(&mut self, order: Order) -> Result<Reply> {
        let node = &self.activity.node;
        match order {
            Order::Invite => {
                let ticket =
                    node.invite(Invitation { seconds: TICKET_SECONDS, ..Invitation::default() }).await?;
                return Ok(Reply::Ticket { ticket: ticket.to_uri()?.to_string() });
            }
            Order::Revoke { number } => node.revoke(identity_of(self.seed, number)).await?,
            Order::Readmit { number } => node.readmit(identity_of(self.seed, number)).await?,
            Order::Introduce { one, other } => {
                node.introduce(identity_of(self.seed, one), identity_of(self.seed, other)).await?;
            }
            Order::Hush => {
                if self.quiet.is_none() {
                    self.quiet = Some(self.activity.hush().await);
                }
            }
            Order::Go => self.quiet = None,
            Order::Part => {
                self.activity.settled().await;
                part(node).await;
            }
            Order::Forget => self.activity.pool.clear(),
            Order::Count => return Ok(Reply::Counted(self.count()?)),
            Order::End => {
                self.activity.end();
                self.quiet = None;
                node.shutdown().await;
                let _quiet = self.activity.hush().await;
                self.activity.settled().await;
                return Ok(Reply::Bye { totals: self.activity.ledger.totals() });
            }
            Order::Join { .. } => anyhow::bail!("the steady node joins nobody"),
        }
        Ok(Reply::Done)
    }

    fn count(&self) -> Result<Count> {
        let node = &self.activity.node;
        let census = node.census();
        let tables = [
            ("sessions", census.sessions),
            ("paths", census.paths),
            ("dials", census.dials),
            ("waiters", census.waiters),
            ("strangers", census.strangers),
            ("deadlines", census.deadlines),
            ("busy", usize::from(!census.is_quiet)),
            ("nodes", census.nodes),
            ("named actors", census.named_actors.saturating_sub(NAMED_SERVICES)),
            ("exports", census.exports),
            ("imports", census.imports),
            ("questions", census.questions),
        ];
        let mut sizes = BTreeMap::new();
        for (name, size) in tables {
            sizes.insert(name.to_owned(), u64::try_from(size)?);
        }
        Ok(Count {
            tables: sizes,
            heap_bytes: (self.allocated_bytes)(),
            statements: u64::try_from(node.directory()?.len())?,
            sessions: self.sessions.load(Ordering::Relaxed),
            totals: self.activity.ledger.totals(),
        })
    }
}

/// Ends all sessions; resolves when nothing is left of them, not even a connection that was refused.
async fn part(node: &Node) {
    let begun = Instant::now();
    let mut is_told = false;
    loop {
        for session in node.sessions() {
            node.disconnect(session.peer.identity);
        }
        let census = node.census();
        if census.sessions + census.paths + census.dials + census.strangers == 0 {
            return;
        }
        if !is_told && begun.elapsed() > LONG {
            is_told = true;
            eprintln!("{} s after all sessions were ended: {census:?}", LONG.as_secs());
        }
        tokio::time::sleep(GLANCE).await;
    }
}
