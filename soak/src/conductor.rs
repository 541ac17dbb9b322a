//! Who comes, goes and is killed when, and the moments of quiet between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::child::Child;
use crate::ledger::{NO_OUTCOME, Totals};
use crate::line::{Count, Order, Reply};
use crate::measure::Measure;
use crate::person::STEADY;
use crate::plan::{IDENTITIES, LEAN_ALLOCATOR, PEERS_AT_ONCE, Plan};
use crate::relay::{Fate, Relay};
use crate::verdict::{Point, Report};

/// From one look at everything to the next.
const TICK: Duration = Duration::from_millis(100);
/// How long the node is left alone before it is measured: what was ended has then been given back.
const REST: Duration = Duration::from_millis(300);
/// How long tables may take to go back at the end: leases, and what is kept for those who do not come back.
const RETURN_DEADLINE: Duration = Duration::from_secs(90);
/// How many of the last bytes of a process's complaints are shown.
const COMPLAINT_BYTES: usize = 2_000;

/// How a peer's life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is told to, and says what became of all that it had started.
    InOrder,
    /// It is killed.
    Killed,
    /// It is revoked, and ends in order.
    Revoked,
}

struct Peer {
    child: Child,
    until: Instant,
    end: End,
}

struct Conductor<'a> {
    plan: &'a Plan,
    folder: &'a Path,
    rng: StdRng,
    relay: Relay,
    steady: Child,
    peers: BTreeMap<u32, Peer>,
    /// Those who were told to end, until they have.
    leaving: JoinSet<(u32, Result<Totals>)>,
    /// Those who have been there, and may come back.
    away: BTreeSet<u32>,
    /// The next newcomer.
    newcomer: u32,
    revoked: BTreeSet<u32>,
    /// Those who do not know each other yet.
    strangers: VecDeque<(u32, u32)>,
    begin: Instant,
    next_mischief: Instant,
    report: Report,
}

/// Runs everything to its end.
pub(crate) async fn run(plan: &Plan) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let mut conductor = Conductor::start(plan, folder.path()).await?;
    let outcome = conductor.churn().await;
    if let Err(error) = outcome {
        conductor.fail(format!("{error:#}"));
    }
    let mut report = conductor.report;
    report.failures.extend(missing(folder.path())?);
    report.complaints = complaints(folder.path())?;
    Ok(report)
}

impl<'a> Conductor<'a> {
    async fn start(plan: &'a Plan, folder: &'a Path) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let home = home(folder, STEADY)?;
        let arguments = [
            "steady".to_owned(),
            format!("--seed={}", plan.seed),
            format!("--home={}", home.display()),
            format!("--relay={}", listener.local_addr()?),
        ];
        let environment: &[_] = if plan.is_lean { &LEAN_ALLOCATOR } else { &[] };
        let complaints = complaints_of(folder, STEADY);
        let (mut steady, address) =
            Child::start("the steady node", &arguments, environment, &complaints).await?;
        let relay = Relay::start(listener, address.parse()?);
        let process = steady.id()?;
        let baseline = count(&mut steady).await?;
        let report = Report::new(plan, baseline, Measure::of(process)?);
        let begin = Instant::now();
        Ok(Self {
            plan,
            folder,
            rng: StdRng::seed_from_u64(plan.seed),
            relay,
            steady,
            peers: BTreeMap::new(),
            leaving: JoinSet::new(),
            away: BTreeSet::new(),
            newcomer: STEADY + 1,
            revoked: BTreeSet::new(),
            strangers: VecDeque::new(),
            begin,
            next_mischief: begin,
            report,
        })
    }

    fn fail(&mut self, why: String) {
        self.report.failures.push(why);
    }

    async fn churn(&mut self) -> Result<()> {
        self.steady.have(&Order::Go).await?;
        let mut next_quiet = self.begin + self.plan.quiet_interval;
        let mut next_sample = self.begin;
        while self.begin.elapsed() < self.plan.length {
            let now = Instant::now();
            self.collect_leavers();
            self.fill().await?;
            self.end_lives(now).await?;
            self.make_mischief(now);
            if now >= next_sample {
                next_sample += Duration::from_secs(1);
                let sample = Measure::of(self.steady.id()?)?;
                self.report.samples.push((self.begin.elapsed(), sample));
            }
            if now >= next_quiet {
                let point = self.quiet(false).await?;
                self.report.points.push(point);
                next_quiet = Instant::now() + self.plan.quiet_interval;
            }
            sleep(TICK).await;
        }
        self.finish().await
    }

    /// Has somebody come for each who is not there.
    async fn fill(&mut self) -> Result<()> {
        if self.peers.len() >= PEERS_AT_ONCE || self.rng.random_bool(0.5) {
            return Ok(());
        }
        let Some(number) = self.choose() else { return Ok(()) };
        let life = self.rng.random::<u64>();
        let arguments = [
            "peer".to_owned(),
            format!("--seed={}", self.plan.seed),
            format!("--number={number}"),
            format!("--life={life}"),
            format!("--home={}", home(self.folder, number)?.display()),
        ];
        if self.revoked.remove(&number) {
            self.steady.have(&Order::Readmit { number }).await?;
        }
        let ticket = match self.steady.order(&Order::Invite).await? {
            Reply::Ticket { ticket } => ticket,
            other => bail!("an order for a ticket is answered with {other:?}"),
        };
        let name = format!("peer {number}");
        let (mut child, _) =
            Child::start(&name, &arguments, &[], &complaints_of(self.folder, number)).await?;
        child.have(&Order::Join { ticket }).await?;
        let lives_for = Duration::from_millis(self.rng.random_range(1_500..14_000));
        let end = match self.rng.random_range(0..20_u32) {
            0..9 => End::Killed,
            9..18 => End::InOrder,
            _ => End::Revoked,
        };
        self.report.started_peers += 1;
        self.peers.insert(number, Peer { child, until: Instant::now() + lives_for, end });
        Ok(())
    }

    /// Somebody who is not there: a newcomer, as long as there are some.
    fn choose(&mut self) -> Option<u32> {
        if self.newcomer <= IDENTITIES && (self.away.is_empty() || self.rng.random_bool(0.3)) {
            let number = self.newcomer;
            self.newcomer += 1;
            self.strangers.extend((number > STEADY + 1).then(|| (number, number - 1)));
            return Some(number);
        }
        let index = self.rng.random_range(0..self.away.len().max(1));
        let number = *self.away.iter().nth(index)?;
        self.away.remove(&number);
        Some(number)
    }

    /// Ends the lives whose time is up.
    async fn end_lives(&mut self, now: Instant) -> Result<()> {
        let due = |(number, peer): (&u32, &Peer)| (peer.until <= now).then_some(*number);
        let due: Vec<u32> = self.peers.iter().filter_map(due).collect();
        for number in due {
            let Some(mut peer) = self.peers.remove(&number) else { continue };
            match peer.end {
                End::Killed => {
                    peer.child.kill().await?;
                    self.report.killed_peers += 1;
                    self.away.insert(number);
                }
                End::InOrder => self.dismiss(number, peer.child),
                End::Revoked => {
                    self.steady.have(&Order::Revoke { number }).await?;
                    self.revoked.insert(number);
                    self.report.revoked_peers += 1;
                    peer.end = End::InOrder;
                    peer.until = now + Duration::from_secs(2);
                    self.peers.insert(number, peer);
                }
            }
        }
        Ok(())
    }

    /// Tells a peer to end in order.
    fn dismiss(&mut self, number: u32, mut child: Child) {
        self.leaving.spawn(async move {
            let bye = async {
                let reply = child.order(&Order::End).await?;
                let Reply::Bye { totals } = reply else { bail!("its last word is {reply:?}") };
                let status = child.ended().await?;
                ensure!(status.success(), "it ends with {status}");
                Ok(totals)
            };
            (number, bye.await.with_context(|| format!("peer {number}")))
        });
    }

    fn collect_leavers(&mut self) {
        while let Some(left) = self.leaving.try_join_next() {
            self.note_leaver(left);
        }
    }

    fn note_leaver(&mut self, left: Result<(u32, Result<Totals>), tokio::task::JoinError>) {
        match left {
            Ok((number, Ok(totals))) => {
                self.away.insert(number);
                self.report.dismissed_peers += 1;
                self.report.totals.add(&totals);
            }
            Ok((_, Err(error))) => self.fail(format!("{error:#}")),
            Err(error) => self.fail(error.to_string()),
        }
    }

    /// Cuts connections, ends them, stops them for a while.
    fn make_mischief(&mut self, now: Instant) {
        if now < self.next_mischief {
            return;
        }
        self.next_mischief = now + Duration::from_millis(self.rng.random_range(100..1_500));
        let fate = match self.rng.random_range(0..20_u32) {
            0..9 => Fate::Cut,
            9..17 => Fate::Closed,
            // Until something else is decided, or the next quiet moment.
            17..19 => Fate::Frozen,
            _ => return self.relay.thaw(),
        };
        if self.relay.decide(fate, &mut self.rng) {
            *self.report.mischief.entry(format!("{fate:?}").to_lowercase()).or_default() += 1;
        }
    }

    /// Waits until nobody has anything under way and there is no session, and measures what the steady node holds.
    async fn quiet(&mut self, is_last: bool) -> Result<Point> {
        self.relay.thaw();
        let begun = Instant::now();
        while let Some(left) = self.leaving.join_next().await {
            self.note_leaver(left);
        }
        let left = begun.elapsed();
        self.have_all(&Order::Hush).await?;
        let hushed = begun.elapsed();
        self.steady.have(&Order::Part).await?;
        let parted = begun.elapsed();
        for (slowest, took) in
            self.report.slowest_quiet.iter_mut().zip([left, hushed - left, parted - hushed])
        {
            *slowest = took.max(*slowest);
        }
        sleep(REST).await;
        let mut count = count(&mut self.steady).await?;
        if is_last {
            let deadline = Instant::now() + RETURN_DEADLINE;
            while count.tables != self.report.baseline.tables && Instant::now() < deadline {
                sleep(REST).await;
                count = self::count(&mut self.steady).await?;
            }
        }
        let measure = Measure::of(self.steady.id()?)?;
        let point = Point { at: self.begin.elapsed(), count, measure };
        if !is_last {
            self.introduce().await?;
            self.have_all(&Order::Go).await?;
        }
        Ok(point)
    }

    /// Has everybody do something at the same time.
    async fn have_all(&mut self, order: &Order) -> Result<()> {
        self.steady.say(order).await?;
        for peer in self.peers.values_mut() {
            peer.child.say(order).await?;
        }
        let children =
            std::iter::once(&mut self.steady).chain(self.peers.values_mut().map(|peer| &mut peer.child));
        for child in children {
            let reply = child.hear().await?;
            ensure!(reply == Reply::Done, "{order:?} is answered with {reply:?}");
        }
        Ok(())
    }

    /// Introduces newcomers to others. Whoever has not said yet how it can be reached is introduced later.
    async fn introduce(&mut self) -> Result<()> {
        for _ in 0..self.strangers.len() {
            let Some((one, other)) = self.strangers.pop_front() else { break };
            match self.steady.order(&Order::Introduce { one, other }).await? {
                Reply::Done => self.report.introductions += 1,
                _ => self.strangers.push_back((one, other)),
            }
        }
        Ok(())
    }

    /// Ends everything, and sees to it that the steady node holds what it held at first.
    async fn finish(&mut self) -> Result<()> {
        self.relay.thaw();
        for (number, peer) in std::mem::take(&mut self.peers) {
            self.dismiss(number, peer.child);
        }
        self.steady.have(&Order::Hush).await?;
        self.steady.have(&Order::Forget).await?;
        let last = self.quiet(true).await?;
        self.report.last = Some(last);
        let Reply::Bye { totals } = self.steady.order(&Order::End).await? else {
            bail!("the steady node's last word is another");
        };
        self.report.totals.add(&totals);
        self.report.finished = true;
        Ok(())
    }
}

async fn count(steady: &mut Child) -> Result<Count> {
    match steady.order(&Order::Count).await? {
        Reply::Counted(count) => Ok(count),
        other => bail!("an order to count is answered with {other:?}"),
    }
}

fn home(folder: &Path, number: u32) -> Result<PathBuf> {
    let home = folder.join(format!("home-{number}"));
    std::fs::create_dir_all(&home)?;
    Ok(home)
}

fn complaints_of(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("complaints-{number}"))
}

/// The operations without an outcome that processes have complained of, also those that were killed afterwards.
fn missing(folder: &Path) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for number in STEADY..=IDENTITIES {
        let Ok(text) = std::fs::read_to_string(complaints_of(folder, number)) else { continue };
        let lines = text.lines().filter(|line| line.contains(NO_OUTCOME));
        missing.extend(lines.map(|line| format!("process {number}: {line}")));
    }
    Ok(missing)
}

/// What the processes have complained of last.
fn complaints(folder: &Path) -> Result<String> {
    let mut all = String::new();
    for number in STEADY..=IDENTITIES {
        let Ok(text) = std::fs::read_to_string(complaints_of(folder, number)) else { continue };
        if text.is_empty() {
            continue;
        }
        let from = text.char_indices().rev().nth(COMPLAINT_BYTES).map_or(0, |(index, _)| index);
        let tail = text.get(from..).unwrap_or_default();
        all.push_str(&format!("-- process {number} says:\n{tail}\n"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_in_a_process_that_was_killed_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(missing(folder.path()).unwrap(), Vec::<String>::new());
        let said = format!("something else\nask: {NO_OUTCOME} after 90 s\n");
        std::fs::write(complaints_of(folder.path(), 3), said).unwrap();
        assert_eq!(missing(folder.path()).unwrap(), [format!("process 3: ask: {NO_OUTCOME} after 90 s")]);
    }
}
