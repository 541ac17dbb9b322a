//! The side of a command.

use std::io;
use std::path::Path;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::super::event::{Event, LINES_VERSION, Line};
use super::super::failure::{Failure, Kind, reason};
use super::{Lines, MAX_LINE_BYTES, REQUEST_VERSION, Request, RequestLine, Say, write_line};

/// A `conclave up` that answers on the socket of this home.
pub(crate) struct Running {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

/// Connects to the running node of a home; `None` where none runs.
pub(crate) async fn connect(socket: &Path) -> Result<Option<Running>, Failure> {
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        // No socket, or one that a killed process left behind.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(Failure::io("connecting to", socket, &error)),
    };
    let peer = stream.peer_cred().map_err(|error| Failure::io("asking who listens on", socket, &error))?;
    if peer.uid() != rustix::process::geteuid().as_raw() {
        return Err(Failure::new(
            Kind::HomeUnsafe,
            format!("{} belongs to user {}", socket.display(), peer.uid()),
        )
        .meaning("somebody else answers in the place of your node")
        .advice("stop that process, or use another home"));
    }
    let (reader, writer) = stream.into_split();
    Ok(Some(Running { lines: Lines::new(BufReader::new(reader)), writer }))
}

impl Running {
    /// Asks for something; the events follow.
    pub(crate) async fn ask(&mut self, request: Request) -> Result<(), Failure> {
        let line = RequestLine { version: REQUEST_VERSION, request };
        let json = serde_json::to_string(&line).map_err(|error| {
            Failure::new(Kind::Usage, format!("this cannot be passed on to `conclave up`: {error}"))
                .advice("use a path that is valid UTF-8")
        })?;
        if u64::try_from(json.len()).is_ok_and(|bytes| bytes >= MAX_LINE_BYTES) {
            return Err(Failure::new(Kind::Usage, "this is too long to be passed on to `conclave up`"));
        }
        write_line(&mut self.writer, &json).await.map_err(|error| lost(&error))
    }

    /// Says something in the conversation that was asked for.
    pub(crate) async fn say(&mut self, line: &Say) -> Result<(), Failure> {
        let json = serde_json::to_string(line).map_err(|error| lost(&error.into()))?;
        write_line(&mut self.writer, &json).await.map_err(|error| lost(&error))
    }

    /// Says that nothing more will be said. What was asked for stops, and then tells how far it came; a conversation
    /// ends when everything that was said has had its outcome.
    pub(crate) async fn leave(&mut self) {
        // A node that is gone has stopped already.
        let _ = self.writer.shutdown().await;
    }

    /// The next event; `None` when the request is done. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            let line = self.lines.next().await.map_err(|error| lost(&error))?;
            let line = line.ok_or_else(|| lost(&io::ErrorKind::UnexpectedEof.into()))?;
            match serde_json::from_slice::<Line>(&line) {
                Ok(Line { event: Event::Done, .. }) => return Ok(None),
                Ok(Line { event: Event::Failed(failure), .. }) => return Err(failure),
                Ok(Line { event, .. }) => return Ok(Some(event)),
                // A newer node may tell more than this program knows.
                Err(_) if is_newer(&line) => {}
                Err(error) => return Err(lost(&error.into())),
            }
        }
    }
}

/// Whether this is at least a JSON object with a version and an event.
fn is_newer(line: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(line) else { return false };
    value
        .get("version")
        .and_then(serde_json::Value::as_u64)
        .is_some_and(|version| version >= u64::from(LINES_VERSION))
        && value.get("event").is_some_and(serde_json::Value::is_string)
}

fn lost(error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => String::new(),
        _ => format!(": {}", reason(error)),
    };
    Failure::new(Kind::Interrupted, format!("`conclave up` went away{why}"))
        .meaning("it was stopped, or it crashed; what it was doing for this command ended with it")
        .advice("start it again, then run the same command again")
}
