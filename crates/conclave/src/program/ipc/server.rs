//! The side of `conclave up`.

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::{Lines, QUEUE_SAID, REQUEST_VERSION, Request, RequestLine, Say, write_line};

/// Commands at the same time; more wait in the queue of the system.
const MAX_COMMANDS: usize = 32;
/// How long a connection may take to say what it wants.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a command may take to read what it is told.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Events on their way to one command.
const QUEUE_EVENTS: usize = 64;
/// After an accept that failed, for instance for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whoever asked for something, as the one who carries it out sees them.
#[derive(Debug)]
pub(crate) struct Caller {
    /// What they are told.
    pub(crate) events: mpsc::Sender<Event>,
    /// What they say in a conversation; it ends when they have said everything.
    pub(crate) said: mpsc::Receiver<Say>,
    /// Set when they do not wait any more.
    pub(crate) stop: watch::Receiver<bool>,
}

/// What carries out a request.
pub(crate) trait Perform: Clone + Send + Sync + 'static {
    /// Carries out one request.
    fn perform(&self, request: Request, caller: Caller) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Binds the socket, mode 0600. The caller holds the lock of the home: a socket that exists is a dead one.
pub(crate) fn bind(path: &Path) -> Result<UnixListener, Failure> {
    let failed = |error: io::Error| Failure::io("listening on", path, &error);
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    // The folder is 0700, so nobody else reaches the socket before its own mode is set.
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Serves commands for as long as it is polled.
pub(crate) async fn serve(listener: UnixListener, performer: impl Perform) {
    let places = Arc::new(Semaphore::new(MAX_COMMANDS));
    let mut commands = tokio::task::JoinSet::new();
    loop {
        while commands.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot take a command");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let performer = performer.clone();
        commands.spawn(async move {
            if let Err(error) = attend(stream, performer).await {
                tracing::debug!(%error, "a command went away");
            }
            drop(place);
        });
    }
}

/// Answers one connection.
async fn attend(mut stream: UnixStream, performer: impl Perform) -> io::Result<()> {
    if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let (reader, mut writer) = stream.split();
    let mut lines = Lines::new(BufReader::new(reader));
    let line = timeout(REQUEST_TIMEOUT, lines.next()).await??;
    let Some(line) = line else { return Ok(()) };
    let request = match understand(&line) {
        Ok(request) => request,
        Err(failure) => return write_line(&mut writer, &Event::Failed(failure).to_json()).await,
    };

    let (stop, stopped) = watch::channel(false);
    let (events, mut queue) = mpsc::channel(QUEUE_EVENTS);
    let (say, said) = mpsc::channel(QUEUE_SAID);
    let mut work = std::pin::pin!(performer.perform(request, Caller { events, said, stop: stopped }));
    let mut hearing = std::pin::pin!(hear(&mut lines, say));
    let mut heard_all = false;
    let mut told = Ok(());
    let ended = loop {
        tokio::select! {
            biased;
            Some(event) = queue.recv() => {
                // Nobody to tell is no reason to break off without a farewell to the peer.
                if told.is_ok() {
                    told = tell(&mut writer, &event).await;
                    if told.is_err() {
                        stop.send_replace(true);
                    }
                }
            }
            ended = &mut work => break ended,
            () = &mut hearing, if !heard_all => {
                heard_all = true;
                stop.send_replace(true);
            }
        }
    };
    told?;
    while let Ok(event) = queue.try_recv() {
        tell(&mut writer, &event).await?;
    }
    tell(&mut writer, &ended.map_or_else(Event::Failed, |()| Event::Done)).await
}

/// Passes on what a command says, until it leaves, or says something that nobody listens to.
async fn hear(lines: &mut Lines<impl AsyncBufRead + Unpin>, say: mpsc::Sender<Say>) {
    while let Ok(Some(line)) = lines.next().await {
        let Ok(line) = serde_json::from_slice(&line) else { return };
        if say.send(line).await.is_err() {
            return;
        }
    }
}

async fn tell(writer: &mut (impl AsyncWrite + Unpin), event: &Event) -> io::Result<()> {
    timeout(WRITE_TIMEOUT, write_line(writer, &event.to_json())).await?
}

fn understand(line: &[u8]) -> Result<Request, Failure> {
    let version = serde_json::from_slice::<serde_json::Value>(line)
        .ok()
        .and_then(|value| value.get("version").and_then(serde_json::Value::as_u64));
    if version != Some(u64::from(REQUEST_VERSION)) {
        return Err(Failure::new(Kind::Usage, "the running `conclave up` speaks another version")
            .meaning(format!("it takes requests of version {REQUEST_VERSION}"))
            .advice("stop it and start it again, so that both are the same program"));
    }
    serde_json::from_slice::<RequestLine>(line).map(|line| line.request).map_err(|error| {
        Failure::new(Kind::Usage, format!("the running `conclave up` does not know this request: {error}"))
            .advice("stop it and start it again, so that both are the same program")
    })
}

#[cfg(test)]
mod tests;
