//! How commands reach a running `conclave up`: one request a connection, as a JSON line; events come back as the
//! lines of `--json`, and `done` or `failed` is the last.
//!
//! A request that opens a conversation is followed by more lines, one for each thing said. The end of the stream says
//! that no more come; to every other request it says that nobody waits any more.

mod client;
mod server;

use std::io;
use std::path::PathBuf;

use super::account::Look;
use super::secret::SecretText;
pub(crate) use client::{Running, connect};
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub(crate) use server::{Caller, Perform, bind, serve};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The version of the requests. A server that does not know the version of a request says so.
pub(crate) const REQUEST_VERSION: u32 = 1;

/// The longest line either side takes: a call and its answer, with room for the event around them.
pub(crate) const MAX_LINE_BYTES: u64 = 1024 * 1024;

/// The longest JSON that a service is asked with, or answers.
pub(crate) const MAX_CALL_BYTES: usize = 512 * 1024;

/// Lines on their way to whoever carries out a request.
pub(crate) const QUEUE_SAID: usize = 16;

/// What a command asks a running node to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Say where members are told to find the node.
    Addresses,
    /// Take a member in.
    AddMember { card: String, name: Option<String> },
    /// Keep a member out, as `member remove` says it.
    RemoveMember { name: String },
    /// Issue a ticket.
    Invite(Allowance),
    /// Come in by somebody's ticket.
    Join { ticket: SecretText },
    /// Introduce two members to each other.
    Introduce { one: String, other: String },
    /// Keep a member out.
    Revoke { member: String },
    /// Keep out a device of this node's own identity.
    RevokeDevice { device: String },
    /// Undo a revocation of this node's own.
    Readmit { member: String },
    /// Say whose standing would change by a revocation, or by undoing one.
    WouldRevoke { member: String, undo: bool },
    /// Withdraw a ticket: all digits of its id, or the first.
    WithdrawTicket { ticket: String },
    /// Tell something that is only looked at.
    Look { at: Look },
    /// Look for what is wrong, for a program of this version.
    Examine { program: String },
    /// Ping a member.
    Ping { member: String, count: u32 },
    /// Send a file of this machine to a member.
    Send { path: PathBuf, member: String, patience_seconds: u64 },
    /// Tell the last causes of failure with a member, or with strangers.
    Why { member: Option<String> },
    /// Open a conversation with a member, beginning with the last lines of the one before; [`Say`] lines follow.
    Chat { member: String, last: usize },
    /// Ask a service of a member.
    Call {
        member: String,
        service: String,
        input: Value,
        timeout_seconds: u64,
        /// The input is the whole message, and says itself where the answer goes.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        whole: bool,
    },
    /// Tell which services a member offers.
    Services { member: String },
}

impl Request {
    /// Whether something is signed for it.
    pub(crate) fn is_signed(&self) -> bool {
        matches!(
            self,
            Request::AddMember { .. }
                | Request::RemoveMember { .. }
                | Request::Invite(_)
                | Request::Join { .. }
                | Request::Introduce { .. }
                | Request::Revoke { .. }
                | Request::RevokeDevice { .. }
                | Request::Readmit { .. }
                | Request::WouldRevoke { .. }
        )
    }
}

/// What a ticket shall allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Allowance {
    /// Whom it is for, by key, card or name; anybody, if nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bound: Option<String>,
    pub(crate) seconds: u64,
    pub(crate) uses: u16,
    pub(crate) client: bool,
    pub(crate) depth: u8,
}

/// The line that carries a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestLine {
    pub(crate) version: u32,
    #[serde(flatten)]
    pub(crate) request: Request,
}

/// One thing said in a conversation that a request has opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Say {
    /// Chosen by the command, and repeated in the event that tells what became of it.
    pub(crate) number: u64,
    #[serde(rename = "say")]
    pub(crate) text: String,
}

/// A stream as lines of bounded length.
struct Lines<R> {
    reader: R,
    /// What is there of the next line.
    line: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    fn new(reader: R) -> Self {
        Lines { reader, line: Vec::new() }
    }

    /// The next line without its end, or `None` at the end of the stream. Cancel-safe.
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let there = u64::try_from(self.line.len()).unwrap_or(u64::MAX);
        let mut rest = (&mut self.reader).take(MAX_LINE_BYTES.saturating_sub(there));
        rest.read_until(b'\n', &mut self.line).await?;
        let mut line = std::mem::take(&mut self.line);
        match line.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(line)),
            Some(_) if u64::try_from(line.len()).is_ok_and(|bytes| bytes + 1 >= MAX_LINE_BYTES) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "a line without end"))
            }
            Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

async fn write_line(writer: &mut (impl AsyncWrite + Unpin), line: &str) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(line.len() + 1);
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
    writer.write_all(&bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded_and_a_cut_one_is_an_error() {
        let mut lines = Lines::new(&b"one\n\ntwo\ncut"[..]);
        assert_eq!(lines.next().await.unwrap().unwrap(), b"one");
        assert_eq!(lines.next().await.unwrap().unwrap(), b"");
        assert_eq!(lines.next().await.unwrap().unwrap(), b"two");
        assert_eq!(lines.next().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(lines.next().await.unwrap(), None);

        let endless = vec![b'x'; usize::try_from(MAX_LINE_BYTES).unwrap() + 1];
        assert_eq!(Lines::new(&endless[..]).next().await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn half_a_line_survives_that_somebody_stops_waiting_for_it() {
        let (mut near, far) = tokio::io::duplex(64);
        let mut lines = Lines::new(tokio::io::BufReader::new(far));
        near.write_all(b"ha").await.unwrap();
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), lines.next()).await;
        assert!(waited.is_err());
        near.write_all(b"lf\n").await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), b"half");
    }

    #[test]
    fn the_bytes_of_a_request_are_frozen() {
        let (member, service) = ("bob".to_owned(), "sum".to_owned());
        for (request, json) in [
            (
                Request::Ping { member: member.clone(), count: 3 },
                r#"{"version":1,"request":"ping","member":"bob","count":3}"#,
            ),
            (
                Request::Chat { member: member.clone(), last: 20 },
                r#"{"version":1,"request":"chat","member":"bob","last":20}"#,
            ),
            (
                Request::Call {
                    member: member.clone(),
                    service,
                    input: serde_json::json!([1, 2.5]),
                    timeout_seconds: 30,
                    whole: false,
                },
                r#"{"version":1,"request":"call","member":"bob","service":"sum","input":[1,2.5],"timeout_seconds":30}"#,
            ),
            (Request::Services { member }, r#"{"version":1,"request":"services","member":"bob"}"#),
            (Request::Look { at: Look::Members }, r#"{"version":1,"request":"look","at":"members"}"#),
        ] {
            let line = RequestLine { version: 1, request };
            assert_eq!(serde_json::to_string(&line).unwrap(), json);
            assert_eq!(serde_json::from_str::<RequestLine>(json).unwrap(), line);
        }
    }

    #[test]
    fn the_bytes_of_what_is_said_are_frozen() {
        let say = Say { number: 7, text: "hello".into() };
        let json = r#"{"number":7,"say":"hello"}"#;
        assert_eq!(serde_json::to_string(&say).unwrap(), json);
        assert_eq!(serde_json::from_str::<Say>(json).unwrap(), say);
    }

    #[test]
    fn numbers_of_a_call_come_out_as_they_went_in() {
        for input in ["18446744073709551615", "-9007199254740993", "0.1", "2.2250738585072014e-308"] {
            let request = Request::Call {
                member: "bob".into(),
                service: "sum".into(),
                input: serde_json::from_str(input).unwrap(),
                timeout_seconds: 1,
                whole: true,
            };
            let line = serde_json::to_string(&RequestLine { version: 1, request: request.clone() }).unwrap();
            assert!(line.contains(input), "{line}");
            assert_eq!(serde_json::from_str::<RequestLine>(&line).unwrap().request, request);
        }
    }
}
