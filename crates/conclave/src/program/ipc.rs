//! How commands reach a running `conclave up`: one request a connection, as a JSON line; events come back as the
//! lines of `--json`, and `done` or `failed` is the last.

mod client;
mod server;

use std::io;
use std::path::PathBuf;

pub(crate) use client::{Running, connect};
use serde::{Deserialize, Serialize};
pub(crate) use server::{Perform, bind, serve};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The version of the requests. A server that does not know the version of a request says so.
pub(crate) const REQUEST_VERSION: u32 = 1;

/// The longest line either side takes: a card, a path and an error stay far below it.
pub(crate) const MAX_LINE_BYTES: u64 = 64 * 1024;

/// What a command asks a running node to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Say which addresses the node listens on.
    Addresses,
    /// Take a member in.
    AddMember { card: String, name: Option<String> },
    /// Put a member out.
    RemoveMember { name: String },
    /// Ping a member.
    Ping { member: String, count: u32 },
    /// Send a file of this machine to a member.
    Send { path: PathBuf, member: String, patience_seconds: u64 },
    /// Tell the last causes of failure with a member, or with strangers.
    Why { member: Option<String> },
}

/// The line that carries a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestLine {
    pub(crate) version: u32,
    #[serde(flatten)]
    pub(crate) request: Request,
}

/// The next line without its end, or `None` at the end of the stream.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) if u64::try_from(line.len()).is_ok_and(|bytes| bytes + 1 >= MAX_LINE_BYTES) => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "a line without end"))
        }
        Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
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
        let mut reader = &b"one\n\ntwo\ncut"[..];
        assert_eq!(read_line(&mut reader).await.unwrap().unwrap(), b"one");
        assert_eq!(read_line(&mut reader).await.unwrap().unwrap(), b"");
        assert_eq!(read_line(&mut reader).await.unwrap().unwrap(), b"two");
        assert_eq!(read_line(&mut reader).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(read_line(&mut reader).await.unwrap(), None);

        let endless = vec![b'x'; usize::try_from(MAX_LINE_BYTES).unwrap() + 1];
        assert_eq!(read_line(&mut &endless[..]).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn the_bytes_of_a_request_are_frozen() {
        let line = RequestLine { version: 1, request: Request::Ping { member: "bob".into(), count: 3 } };
        let json = r#"{"version":1,"request":"ping","member":"bob","count":3}"#;
        assert_eq!(serde_json::to_string(&line).unwrap(), json);
        assert_eq!(serde_json::from_str::<RequestLine>(json).unwrap(), line);
    }
}
