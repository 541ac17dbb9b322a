//! The play: who does what in which order, and what must hold after each step.

mod actors;
mod commands;
mod membership;

use std::ffi::OsStr;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use tempfile::TempDir;
use tokio::time::timeout;

use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::super::output::Output;
use super::super::size::Bytes;
use super::super::transfer::{ContentHash, RunningHash};
use super::child::{Launcher, Process};
use super::guest::Guest;
use super::person::Person;
use super::recording::Recorder;
use super::relay::{Relay, Tap};
use super::silence::Scene;
use super::wire::Search;

/// A step may take this long, and longer where files move.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// A machine that moves files slower than this is not what the demo is for.
const SLOWEST_BYTES_PER_SECOND: u64 = 2 << 20;
/// How many pings each way.
const PINGS: usize = 3;

/// What to play.
#[derive(Debug)]
pub(crate) struct Play {
    /// The size of the file from the first person to the second; a quarter of it goes back.
    pub(crate) size: u64,
    /// Where to keep the recording of the wire.
    pub(crate) recording: Option<PathBuf>,
}

/// Everything that stands on the stage. Dropping it kills the processes and removes the folders.
pub(crate) struct Stage<'a> {
    play: Play,
    output: &'a mut Output,
    alice: Person,
    bob: Person,
    alice_up: Process,
    bob_up: Process,
    bob_address: std::net::SocketAddr,
    /// From alice's side to bob's node, and from bob's side to alice's.
    to_bob: Relay,
    to_alice: Relay,
    tap: Arc<Tap>,
    writer: std::thread::JoinHandle<std::io::Result<()>>,
    recording: PathBuf,
    search: Search,
    launcher: Launcher,
    /// The third, once she has come in.
    carol: Option<(Person, Guest)>,
    // Last, so that the processes are gone before their folders.
    root: TempDir,
}

/// A file that was moved.
struct Moved {
    millis: u64,
    resumed_bytes: u64,
    bytes: u64,
}

impl<'a> Stage<'a> {
    /// Makes the two identities and starts the two processes.
    pub(crate) async fn set(play: Play, output: &'a mut Output) -> Result<Stage<'a>, Failure> {
        let started = Instant::now();
        let root = tempfile::Builder::new().prefix("conclave-demo-").tempdir();
        let root = root.map_err(|error| Failure::io("making a folder in", &std::env::temp_dir(), &error))?;
        let launcher = Launcher::new(root.path())?;
        let recording = play.recording.clone().unwrap_or_else(|| root.path().join("wire"));
        let opened =
            Recorder::start(&recording).map_err(|error| Failure::io("recording into", &recording, &error))?;
        let (recorder, writer) = opened;
        let tap = Tap::new(recorder);
        let no_relay = |error: std::io::Error| Failure::new(Kind::LocalIo, format!("no relay: {error}"));
        let to_bob = Relay::start(Arc::clone(&tap)).await.map_err(no_relay)?;
        let to_alice = Relay::start(Arc::clone(&tap)).await.map_err(no_relay)?;

        let mut search = Search::new();
        let alice = Person::arrive(&launcher, root.path(), "alice").await?;
        let (alice_up, alice_address) = alice.up(to_alice.address()).await?;
        to_alice.lead_to(alice_address);
        let ticket = alice.invite().await?;
        search.add_ticket(&ticket)?;
        let bob = Person::join(&launcher, root.path(), "bob", ticket.expose()).await?;
        let (bob_up, bob_address) = bob.up(to_bob.address()).await?;
        to_bob.lead_to(bob_address);
        search.add_person(&alice)?;
        search.add_person(&bob)?;
        let detail = format!(
            "alice, {}, issued one; bob, {}, came in by it from an empty home; each runs in a process of its own",
            alice.member_id, bob.member_id
        );
        tell(output, "a ticket, and two processes", detail, started);
        Ok(Stage {
            play,
            output,
            alice,
            bob,
            alice_up,
            bob_up,
            bob_address,
            to_bob,
            to_alice,
            tap,
            writer,
            recording,
            search,
            launcher,
            carol: None,
            root,
        })
    }

    /// Plays all of it. Each step says what held; the first that does not hold ends the play.
    pub(crate) async fn run(mut self) -> Result<(), Failure> {
        let started = Instant::now();
        within(STEP_TIMEOUT, "recognizing each other", self.recognize()).await?;
        within(STEP_TIMEOUT, "an introduction", self.introduce()).await?;
        within(STEP_TIMEOUT, "actors", self.actors()).await?;
        within(STEP_TIMEOUT, "a conversation", self.chat()).await?;
        within(STEP_TIMEOUT, "services", self.call()).await?;
        let (size, back) = (self.play.size, self.play.size / 4);
        let time = |bytes: u64| STEP_TIMEOUT + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND);
        within(time(size), "the file from alice to bob", self.file(true, size)).await?;
        within(time(back), "the file from bob to alice", self.file(false, back)).await?;
        within(STEP_TIMEOUT, "silence for strangers", self.silence()).await?;
        within(STEP_TIMEOUT, "a revocation", self.revoke()).await?;
        let output = within(time(size), "the end", self.finish()).await?;
        output.show(&Event::Held { millis: millis_since(started) });
        Ok(())
    }

    /// Each process must know the other by its key, and pings must come back both ways.
    async fn recognize(&mut self) -> Result<(), Failure> {
        let started = Instant::now();
        let back = pings(&self.bob, self.alice.name).await?;
        self.bob_up.wait_for(|event| connected(event, "alice")).await?;
        // In a session members tell each other where they are.
        self.alice.sees(self.bob.name, |line| !line.member.addresses.is_empty()).await?;
        let there = pings(&self.alice, self.bob.name).await?;
        self.alice_up.wait_for(|event| connected(event, "bob")).await?;
        let detail = format!("alice to bob and back in {there:.2} ms, bob to alice in {back:.2} ms");
        tell(self.output, "recognized by their keys, ping", detail, started);
        Ok(())
    }

    /// Moves a file, cuts the wire in the middle, and compares what arrived.
    async fn file(&mut self, from_alice: bool, bytes: u64) -> Result<(), Failure> {
        let started = Instant::now();
        let (sender, receiver) = if from_alice { (&self.alice, &self.bob) } else { (&self.bob, &self.alice) };
        let name = format!("demonstration-from-{}.bin", sender.name);
        let path = self.root.path().join(&name);
        let sha256 = write_random(&path, bytes, &mut self.search)?;
        self.search.add_talk(&[&name])?;

        let cuts = self.tap.cuts();
        self.tap.cut_after(bytes / 2);
        let mut process = sender.start(&[OsStr::new("send"), path.as_os_str(), OsStr::new(receiver.name)])?;
        let mut events = Vec::new();
        while let Some(event) = process.next().await? {
            if matches!(
                event,
                Event::FileStarted { .. }
                    | Event::Progress { .. }
                    | Event::FileInterrupted { .. }
                    | Event::FileDone { .. }
            ) {
                self.output.draw(&event);
            }
            events.push(event);
        }
        let events = process.end(events).await?.well()?;
        let cuts = self.tap.cuts() - cuts;
        let moved = check(&events, sha256, cuts, &receiver.folder)?;
        std::fs::remove_file(&path).map_err(|error| Failure::io("removing", &path, &error))?;

        let step = format!("a file from {} to {}, cut in the middle", sender.name, receiver.name);
        let bytes_per_second = moved.bytes.saturating_mul(1_000) / moved.millis.max(1);
        let detail = format!(
            "{} in {:.1} s with the interruption, {}/s; {} of it not sent twice, hash verified",
            Bytes(moved.bytes),
            Duration::from_millis(moved.millis).as_secs_f64(),
            Bytes(bytes_per_second),
            Bytes(moved.resumed_bytes)
        );
        tell(self.output, &step, detail, started);
        Ok(())
    }

    /// A stranger, a wrong door, a wrong key and a revoked member must hear nothing.
    async fn silence(&mut self) -> Result<(), Failure> {
        let started = Instant::now();
        let scene = Scene {
            launcher: &self.launcher,
            root: self.root.path(),
            host: &self.bob,
            host_address: self.bob_address,
            tap: Arc::clone(&self.tap),
        };
        let heard = scene.play(&mut self.search).await?;
        let detail = format!(
            "a stranger, a wrong door, a wrong key and a revoked member sent {} and heard 0 B",
            Bytes(heard.knocked)
        );
        tell(self.output, "silence for those who may not come in", detail, started);
        Ok(())
    }

    /// Stops the processes and looks for secrets in what the wire carried.
    async fn finish(self) -> Result<&'a mut Output, Failure> {
        let Stage {
            output,
            alice_up,
            bob_up,
            to_bob,
            to_alice,
            tap,
            writer,
            recording,
            mut search,
            alice,
            bob,
            root,
            ..
        } = self;
        let started = Instant::now();
        // Their doors were replaced when somebody was revoked.
        search.add_person(&alice)?;
        search.add_person(&bob)?;
        for up in [alice_up, bob_up] {
            let events = up.stop().await?.well()?;
            if events.last() != Some(&Event::Down) {
                return Err(Failure::new(Kind::Broken, "a node did not say that it is down"));
            }
        }
        tell(output, "both stop when asked", "exit code 0, sessions closed".to_owned(), started);

        let started = Instant::now();
        drop((to_bob, to_alice, tap));
        let written = tokio::task::spawn_blocking(move || writer.join()).await;
        match written {
            Ok(Ok(Ok(()))) => {}
            _ => return Err(Failure::new(Kind::LocalIo, "the recording was not written to its end")),
        }
        search.add_talk(&[])?;
        search.prove()?;
        let kinds = search.kinds();
        let looking = tokio::task::spawn_blocking(move || {
            let scanned = search.look(&recording);
            drop(root);
            scanned
        });
        let scanned = looking.await.map_err(|error| Failure::new(Kind::Broken, error.to_string()))??;
        if !scanned.findings.is_empty() {
            return Err(Failure::new(
                Kind::Broken,
                format!("the wire carried in clear: {:?}", scanned.findings),
            ));
        }
        let detail = format!(
            "{} over {} connections hold none of: {kinds}",
            Bytes(scanned.bytes),
            scanned.connections
        );
        tell(output, "nothing in clear on the wire", detail, started);
        Ok(output)
    }
}

async fn within<T>(
    limit: Duration,
    what: &str,
    step: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit, step).await.unwrap_or_else(|_| {
        Err(Failure::new(Kind::TimedOut, format!("{what} took longer than {} s", limit.as_secs())))
    })
}

fn tell(output: &mut Output, step: &str, detail: String, started: Instant) {
    output.show(&Event::Step { step: step.to_owned(), held: true, detail, millis: millis_since(started) });
}

fn millis_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn connected(event: &Event, name: &str) -> Option<()> {
    matches!(event, Event::Connected { member } if member == name).then_some(())
}

/// The best of a few pings, in milliseconds.
async fn pings(from: &Person, to: &str) -> Result<f64, Failure> {
    let mut best = Duration::MAX;
    for _ in 0..PINGS {
        let events = from.run(&["ping", to]).await?.well()?;
        let back = events.iter().find_map(|event| match event {
            Event::Pong { micros, .. } => Some(Duration::from_micros(*micros)),
            _ => None,
        });
        best = best.min(back.ok_or_else(|| Failure::new(Kind::Broken, "a ping did not come back"))?);
    }
    Ok(best.as_secs_f64() * 1_000.0)
}

/// What must hold of a file that was moved over a wire that was cut.
fn check(events: &[Event], sha256: ContentHash, cuts: u32, folder: &Path) -> Result<Moved, Failure> {
    let broken = |what: String| Err(Failure::new(Kind::Broken, what));
    let interrupted = events.iter().any(|event| matches!(event, Event::FileInterrupted { .. }));
    let done = events.iter().find_map(|event| match event {
        Event::FileDone { file, stored_as, sha256, resumed_bytes, millis } => {
            Some((file.bytes, stored_as, sha256, *resumed_bytes, *millis))
        }
        _ => None,
    });
    let Some((bytes, stored_as, told, resumed_bytes, millis)) = done else {
        return broken("the file was not reported as done".to_owned());
    };
    if cuts != 1 || !interrupted || resumed_bytes == 0 {
        return broken(format!("{cuts} cuts, interrupted: {interrupted}, went on at {resumed_bytes}"));
    }
    let path = folder.join(stored_as);
    let mut hash = RunningHash::new();
    let read = std::fs::File::open(&path).and_then(|mut file| hash.read(&mut file, u64::MAX));
    read.map_err(|error| Failure::io("reading", &path, &error))?;
    if hash.so_far() != sha256 || *told != sha256 || hash.bytes() != bytes {
        return broken("what arrived is not what was sent".to_owned());
    }
    std::fs::remove_file(&path).map_err(|error| Failure::io("removing", &path, &error))?;
    Ok(Moved { millis, resumed_bytes, bytes })
}

/// Writes a file that cannot be compressed or guessed, and remembers what it holds for the look at the wire.
fn write_random(path: &Path, bytes: u64, search: &mut Search) -> Result<ContentHash, Failure> {
    let failed = |error: std::io::Error| Failure::io("writing", path, &error);
    let mut file = std::fs::File::create(path).map_err(failed)?;
    let mut hash = RunningHash::new();
    let mut block = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        let piece = block.get_mut(..count).unwrap_or_default();
        rand::rng().fill_bytes(piece);
        file.write_all(piece).map_err(failed)?;
        hash.update(piece);
        search.add_content(piece)?;
        left -= u64::try_from(count).unwrap_or(left);
    }
    Ok(hash.so_far())
}
