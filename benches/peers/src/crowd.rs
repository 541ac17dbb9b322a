//! What is done with many sessions between two processes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::figure::{self, Findings};
use crate::measure::{Cost, Far, Run, resident_bytes};
use crate::mode::{BULK_MESSAGE_BYTES, Load, SMALL_MESSAGE_BYTES};
use crate::system::{Dialer, Session};

/// How many of many sessions work at the same time.
const AT_WORK: usize = 64;
/// What the allocator and the tasks of handshakes are given to come to rest.
const REST: Duration = Duration::from_millis(500);

/// What sessions are given to do.
#[derive(Clone, Copy)]
enum Work {
    /// Round trips.
    Asks,
    /// Messages of so many bytes one way.
    Flood(usize),
}

/// Memory of each process per session that does nothing.
pub async fn idle<H, D: Dialer>(dialer: &mut D, far: &mut Far<H>, load: &Load) -> Result<Findings> {
    let mut findings = Findings::default();
    held(dialer, far, load.sessions, &mut findings).await?;
    Ok(findings)
}

/// The same work, spread over so many sessions.
pub async fn growth<H, D: Dialer>(dialer: &mut D, far: &mut Far<H>, load: &Load) -> Result<Findings> {
    let count = load.sessions;
    let mut findings = Findings::default();
    let (sessions, cost) = held(dialer, far, count, &mut findings).await?;
    findings.add(&figure::CONNECTS, count as f64 / cost.wall);
    findings.add(&figure::CONNECT_CPU, cost.cpu * 1e3 / count as f64);

    let (sessions, cost) = spread(far, sessions, load.round_trips, Work::Asks).await?;
    findings.add(&figure::ASKS, load.round_trips as f64 / cost.wall);
    findings.add(&figure::ASK_CPU, cost.cpu * 1e6 / load.round_trips as f64);

    let small = Work::Flood(SMALL_MESSAGE_BYTES);
    let (sessions, cost) = spread(far, sessions, load.rate_messages, small).await?;
    findings.add(&figure::RATE, load.rate_messages as f64 / cost.wall / 1e6);
    findings.add(&figure::RATE_CPU, cost.cpu * 1e9 / load.rate_messages as f64);

    let (_, cost) = spread(far, sessions, load.bulk_messages, Work::Flood(BULK_MESSAGE_BYTES)).await?;
    findings.add(&figure::BULK_SPEED, load.bulk_messages as f64 / cost.wall);
    findings.add(&figure::BULK_CPU, cost.cpu * 1024.0 / load.bulk_messages as f64);
    Ok(findings)
}

/// Opens so many sessions one after the other, and finds out what each occupies. The one before them pays for what all
/// share.
async fn held<H, D: Dialer>(
    dialer: &mut D,
    far: &mut Far<H>,
    count: usize,
    findings: &mut Findings,
) -> Result<(Vec<D::Session>, Cost)> {
    let mut first = dialer.connect(count).await?;
    first.ask().await?;
    tokio::time::sleep(REST).await;
    let (here, there) = (resident_bytes()?, far.resident_bytes()?);
    let run = Run::start(far)?;
    let mut sessions = Vec::with_capacity(count);
    for number in 0..count {
        let mut session = dialer.connect(number).await.with_context(|| format!("session {number}"))?;
        session.ask().await?;
        sessions.push(session);
    }
    let cost = run.stop(far)?;
    tokio::time::sleep(REST).await;
    let each = |before: u64, now: u64| (now as f64 - before as f64) / 1024.0 / count as f64;
    findings.add(&figure::IDLE_HOST, each(there, far.resident_bytes()?));
    findings.add(&figure::IDLE_DIALER, each(here, resident_bytes()?));
    first.close().await?;
    Ok((sessions, cost))
}

/// Has all sessions together do so much.
async fn spread<H, S: Session>(
    far: &mut Far<H>,
    sessions: Vec<S>,
    total: usize,
    work: Work,
) -> Result<(Vec<S>, Cost)> {
    let places = Arc::new(Semaphore::new(AT_WORK));
    let count = sessions.len();
    let mut tasks = JoinSet::new();
    let run = Run::start(far)?;
    for (number, mut session) in sessions.into_iter().enumerate() {
        let share = total / count + usize::from(number < total % count);
        let places = places.clone();
        tasks.spawn(async move {
            let _place = places.acquire().await?;
            match work {
                _ if share == 0 => {}
                Work::Flood(bytes) => session.flood(bytes, share).await?,
                Work::Asks => {
                    for _ in 0..share {
                        session.ask().await?;
                    }
                }
            }
            anyhow::Ok(session)
        });
    }
    let mut sessions = Vec::with_capacity(count);
    while let Some(ended) = tasks.join_next().await {
        sessions.push(ended??);
    }
    Ok((sessions, run.stop(far)?))
}
