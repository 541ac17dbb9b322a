//! One turn of one system: a process of its own, with both ends or with the dialing one.

use std::io::BufRead as _;

use anyhow::{Result, bail};
use benches::Part;

use crate::measure::{CPU, Far, cpu_time};
use crate::mode::{Load, Mode};
use crate::system::{Dialer as _, Setting, System};
use crate::{crowd, work};

/// What a process that dials is called with.
pub const DIAL: &str = "--dial";
/// And if it is to do only a little.
pub const QUICK: &str = "quick";
/// What a process that accepts is called with.
pub const ACCEPT: &str = "--accept";

/// Takes the turn and prints what it finds out.
pub async fn dial<S: System>(mode: Mode, mut load: Load) -> Result<()> {
    load.rate_messages /= S::ONE_IN;
    // One session more than are counted pays for what all share.
    let sessions = match mode {
        Mode::Idle | Mode::Growth => load.sessions + 1,
        Mode::Connect => load.connects + 1,
        _ => 1,
    };
    let (mut dialer, mut far) = ends::<S>(mode, sessions).await?;
    let (dialer, far) = (&mut dialer, &mut far);
    let findings = match mode {
        Mode::Bulk => work::bulk(dialer, far, &load).await,
        Mode::RoundTrip => work::round_trips(dialer, &load).await,
        Mode::Rate => work::rate(dialer, far, &load).await,
        Mode::Connect => work::connects(dialer, far, &load).await,
        Mode::Idle => crowd::idle(dialer, far, &load).await,
        Mode::Growth => crowd::growth(dialer, far, &load).await,
    };
    findings?.print();
    Ok(())
}

/// Both ends, ready for so many sessions.
async fn ends<S: System>(mode: Mode, sessions: usize) -> Result<(S::Dialer, Far<S::Host>)> {
    let mut dialer = S::dialer(sessions)?;
    let introductions = dialer.introductions();
    let (far, invitation) = if S::APART || mode.apart() {
        let mut part = Part::spawn(&[ACCEPT, S::NAME, mode.name()]);
        introductions.iter().for_each(|line| part.tell(line));
        part.tell("");
        let invitation = part.hear();
        (Far::There(part), invitation)
    } else {
        let (host, invitation) = S::host(Setting { introductions, idle: false }).await?;
        (Far::Here(host), invitation)
    };
    dialer.meet(&invitation).await?;
    Ok((dialer, far))
}

/// The accepting process: says where it is, and answers what it is asked until nobody asks any more.
pub async fn accept<S: System>(mode: Mode) -> Result<()> {
    let lines = std::io::stdin().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let setting = Setting { introductions: lines.collect(), idle: mode == Mode::Idle };
    let (host, invitation) = S::host(setting).await?;
    println!("{invitation}");
    let asked = tokio::task::spawn_blocking(|| {
        for line in std::io::stdin().lock().lines() {
            match line?.as_str() {
                CPU => println!("{}", cpu_time()?.as_nanos()),
                other => bail!("asked for {other}"),
            }
        }
        Ok(())
    });
    asked.await??;
    drop(host);
    Ok(())
}
