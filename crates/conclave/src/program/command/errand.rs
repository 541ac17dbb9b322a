//! A request on its way: carried out by the running node, or by one of our own for as long as it takes.

use std::future::Future;

use membership::Identity;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::super::home::{Home, HomeLock};
use super::super::ipc::{Caller, Perform, QUEUE_SAID, Request, Running, Say};
use super::super::station::{Duties, Station};

/// Events on their way to the output.
const QUEUE_EVENTS: usize = 64;

/// A request, and whoever waits for what comes of it.
pub(crate) struct Errand {
    events: mpsc::Receiver<Event>,
    /// Where lines are said, until there are no more.
    said: Option<mpsc::Sender<Say>>,
    stop: watch::Sender<bool>,
    work: JoinHandle<Result<(), Failure>>,
    ended: Option<Result<(), Failure>>,
}

impl Errand {
    /// Has the running node do it.
    pub(crate) fn through(running: Running, request: Request) -> Errand {
        Errand::start(|caller| relay(running, request, caller))
    }

    /// Has a node of our own do it.
    pub(crate) fn alone(home: Home, lock: HomeLock, signer: Option<Identity>, request: Request) -> Errand {
        Errand::start(|caller| alone(home, lock, signer, request, caller))
    }

    fn start<W>(work: impl FnOnce(Caller) -> W) -> Errand
    where
        W: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let (told, events) = mpsc::channel(QUEUE_EVENTS);
        let (say, said) = mpsc::channel(QUEUE_SAID);
        let (stop, stopped) = watch::channel(false);
        let work = tokio::spawn(work(Caller { events: told, said, stop: stopped }));
        Errand { events, said: Some(say), stop, work, ended: None }
    }

    /// The next event; `None` when it is over. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        if self.ended.is_none() {
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => return Some(event),
                ended = &mut self.work => self.ended = Some(ended.unwrap_or_else(|error| Err(broken(&error)))),
            }
        }
        // What was told before the end, and has not been taken yet.
        self.events.try_recv().ok()
    }

    /// How it ended, once there are no more events.
    pub(crate) fn outcome(&mut self) -> Result<(), Failure> {
        self.ended.take().unwrap_or_else(|| Err(Failure::new(Kind::Interrupted, "interrupted")))
    }

    /// Says a line, to a request that listens to any.
    pub(crate) async fn say(&self, line: Say) {
        if let Some(said) = &self.said {
            // Nobody listens any more: then the end comes, and says why.
            let _ = said.send(line).await;
        }
    }

    /// Whether more may be said.
    pub(crate) fn listens(&self) -> bool {
        self.said.is_some()
    }

    /// Says that no more lines come; those that were said are still carried out.
    pub(crate) fn finish(&mut self) {
        self.said = None;
    }

    /// Says that nobody waits any more: what was asked for stops, and then says how far it came.
    pub(crate) fn stop(&mut self) {
        self.said = None;
        self.stop.send_replace(true);
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.work.abort();
    }
}

fn broken(error: &tokio::task::JoinError) -> Failure {
    Failure::new(Kind::Broken, format!("the command did not come to its end: {error}"))
}

/// Passes on what is said and told between a command and the running node.
async fn relay(mut running: Running, request: Request, caller: Caller) -> Result<(), Failure> {
    let Caller { events, mut said, mut stop } = caller;
    running.ask(request).await?;
    let mut left = false;
    loop {
        tokio::select! {
            event = running.next() => match event? {
                Some(event) => drop(events.send(event).await),
                None => return Ok(()),
            },
            line = said.recv(), if !left => match line {
                Some(line) => running.say(&line).await?,
                None => {
                    left = true;
                    running.leave().await;
                }
            },
            () = stopped(&mut stop), if !left => {
                left = true;
                running.leave().await;
            }
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn alone(
    home: Home,
    lock: HomeLock,
    signer: Option<Identity>,
    request: Request,
    caller: Caller,
) -> Result<(), Failure> {
    // Lines of members are taken where somebody sees them, and refused by a node that is gone in a moment.
    let chat = matches!(request, Request::Chat { .. });
    let duties = Duties { chat, is_brief: true, ..Duties::default() };
    let station = Station::start(home, lock, signer, duties, &caller.events).await?;
    let done = station.perform(request, caller).await;
    station.shut_down().await;
    done
}
