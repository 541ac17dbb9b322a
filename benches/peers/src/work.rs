//! What is done in the modes with one session.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::figure::{self, Findings};
use crate::measure::{Far, Run};
use crate::mode::{BULK_MESSAGE_BYTES, Load, SMALL_MESSAGE_BYTES};
use crate::system::{Dialer, Session};

/// 1 GiB in messages of 1 MiB.
pub async fn bulk<H, D: Dialer>(dialer: &mut D, far: &mut Far<H>, load: &Load) -> Result<Findings> {
    let mut session = opened(dialer, 0).await?;
    let run = Run::start(far)?;
    session.flood(BULK_MESSAGE_BYTES, load.bulk_messages).await?;
    let cost = run.stop(far)?;
    let mut findings = Findings::default();
    let mebibytes = (load.bulk_messages * BULK_MESSAGE_BYTES) as f64 / f64::from(1 << 20);
    findings.add(&figure::BULK_SPEED, mebibytes / cost.wall);
    findings.add(&figure::BULK_CPU, cost.cpu / (mebibytes / 1024.0));
    Ok(findings)
}

/// One ask after the other.
pub async fn round_trips<D: Dialer>(dialer: &mut D, load: &Load) -> Result<Findings> {
    let mut session = opened(dialer, 0).await?;
    let mut each = Vec::with_capacity(load.round_trips);
    for _ in 0..load.round_trips {
        let started = Instant::now();
        session.ask().await?;
        each.push(started.elapsed());
    }
    each.sort_unstable();
    let at = |percent: usize| -> Result<f64> {
        let found = each.get(each.len() * percent / 100).context("no round trips")?;
        Ok(found.as_secs_f64() * 1e6)
    };
    let mut findings = Findings::default();
    findings.add(&figure::ASK_MEDIAN, at(50)?);
    findings.add(&figure::ASK_TAIL, at(99)?);
    Ok(findings)
}

/// Small messages one way.
pub async fn rate<H, D: Dialer>(dialer: &mut D, far: &mut Far<H>, load: &Load) -> Result<Findings> {
    let mut session = opened(dialer, 0).await?;
    let run = Run::start(far)?;
    session.flood(SMALL_MESSAGE_BYTES, load.rate_messages).await?;
    let cost = run.stop(far)?;
    let count = load.rate_messages as f64;
    let mut findings = Findings::default();
    findings.add(&figure::RATE, count / cost.wall / 1e6);
    findings.add(&figure::RATE_CPU, cost.cpu * 1e9 / count);
    Ok(findings)
}

/// One connection after the other.
pub async fn connects<H, D: Dialer>(dialer: &mut D, far: &mut Far<H>, load: &Load) -> Result<Findings> {
    // What both ends do only once stands before the measurement.
    opened(dialer, load.connects).await?.close().await?;
    let run = Run::start(far)?;
    for number in 0..load.connects {
        opened(dialer, number).await?.close().await?;
    }
    let cost = run.stop(far)?;
    let count = load.connects as f64;
    let mut findings = Findings::default();
    findings.add(&figure::CONNECTS, count / cost.wall);
    findings.add(&figure::CONNECT_CPU, cost.cpu * 1e3 / count);
    Ok(findings)
}

/// A session over which something has gone already.
async fn opened<D: Dialer>(dialer: &mut D, number: usize) -> Result<D::Session> {
    let mut session = dialer.connect(number).await?;
    session.ask().await?;
    Ok(session)
}
