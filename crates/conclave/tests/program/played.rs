//! A `conclave up` that a test plays: it answers on the socket of a home as the test wants it to.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use serde_json::Value;

use crate::support::{PATIENCE, Person};

/// The socket of a home.
pub(crate) struct PlayedNode(UnixListener);

impl PlayedNode {
    pub(crate) fn of(person: &Person) -> PlayedNode {
        PlayedNode(UnixListener::bind(person.home.join("up.sock")).unwrap())
    }

    /// The next command.
    pub(crate) fn command(&self) -> PlayedCommand {
        let (stream, _) = self.0.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        PlayedCommand { reader: BufReader::new(stream.try_clone().unwrap()), stream }
    }
}

/// A command that has asked for something.
pub(crate) struct PlayedCommand {
    reader: BufReader<UnixStream>,
    stream: UnixStream,
}

impl PlayedCommand {
    /// What it says next; `None` when it has said everything.
    pub(crate) fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        let bytes = self.reader.read_line(&mut line).unwrap();
        (bytes > 0).then(|| serde_json::from_str(&line).unwrap())
    }

    /// Tells it an event.
    pub(crate) fn tell(&mut self, mut event: Value) {
        event["version"] = 1.into();
        writeln!(self.stream, "{event}").unwrap();
    }

    /// Opens the conversation that it asks for; returns the request.
    pub(crate) fn open_chat(&mut self) -> Value {
        let request = self.hear().unwrap();
        self.tell(serde_json::json!({"event": "chat_opened", "member": "bob"}));
        request
    }

    /// Hears a line and says that it has arrived.
    pub(crate) fn confirm(&mut self) -> Value {
        let line = self.hear().unwrap();
        self.tell(serde_json::json!({
            "event": "delivered", "member": "bob", "number": line["number"], "text": line["say"],
        }));
        line
    }

    pub(crate) fn done(mut self) {
        self.tell(serde_json::json!({"event": "done"}));
    }
}
