//! A process that comes and goes.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use node::{IdentityKey, Standing, Ticket};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::activity::{Activity, Quiet};
use crate::child::Ear;
use crate::line::{Order, Reply};
use crate::person::{STEADY, identity_of, start};
use crate::plan::{OPERATION_DEADLINE, PEER_WORKERS};

/// How it is started.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The seed of the run
    #[arg(long)]
    seed: u64,
    /// Who it is
    #[arg(long)]
    number: u32,
    /// What its own randomness follows from
    #[arg(long)]
    life: u64,
    /// Where its store is
    #[arg(long)]
    home: PathBuf,
}

/// Is one peer until it is told to end, or killed.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let node = start(args.seed, args.number, &args.home, None).await?;
    let address = node.local_addresses().first().context("it listens nowhere")?.to_string();
    let host = identity_of(args.seed, STEADY);
    let activity = Activity::new(node, Some(host))?;
    let mut rng = StdRng::seed_from_u64(args.life);
    let mut quiet: Option<Quiet> = None;
    let mut ear = Ear::new();
    ear.say(&Reply::Ready { address })?;
    while let Some(order) = ear.hear().await? {
        let mut reply = Reply::Done;
        match order {
            Order::Join { ticket } => {
                let prefers_ticket = rng.random_bool(0.5);
                let workers = StdRng::seed_from_u64(rng.random());
                tokio::spawn(begin(Arc::clone(&activity), host, ticket.parse()?, prefers_ticket, workers));
            }
            Order::Hush if quiet.is_none() => quiet = Some(activity.hush().await),
            Order::Go => quiet = None,
            Order::End => {
                // In the middle of whatever is under way, which has its outcomes all the same.
                activity.end();
                drop(quiet.take());
                activity.node.shutdown().await;
                let _quiet = activity.hush().await;
                activity.settled().await;
                reply = Reply::Bye { totals: activity.ledger.totals() };
            }
            _ => {}
        }
        let is_last = matches!(reply, Reply::Bye { .. });
        ear.say(&reply)?;
        if is_last {
            break;
        }
    }
    Ok(())
}

/// Comes in: as the member that it is already, or by the ticket; then does what everybody does.
async fn begin(
    activity: Arc<Activity>,
    host: IdentityKey,
    ticket: Ticket,
    prefers_ticket: bool,
    mut workers: StdRng,
) {
    {
        let _pass = activity.pass().await;
        let node = &activity.node;
        let knows = matches!(node.standing(&host), Ok(Standing::Member { .. })) && !prefers_ticket;
        let ledger = &activity.ledger;
        let is_in = knows && ledger.watch("return", OPERATION_DEADLINE, node.connect(host)).await.is_some();
        if !is_in {
            ledger.watch("join", OPERATION_DEADLINE, node.join(&ticket)).await;
        }
    }
    activity.work(PEER_WORKERS, &mut workers);
}
