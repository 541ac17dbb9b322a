//! The modes over any byte stream: a head of four bytes, then the message.
//!
//! The two highest bits of a head say what is to be done with the message, the others are its length.

use anyhow::{Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter};

use crate::measure::random;
use crate::mode::SMALL_MESSAGE_BYTES;
use crate::system::Session;

/// How all of them batch.
pub const BATCHING: &str = "16 KiB `BufWriter`, 4-byte length before each message, 64 KiB `BufReader`";

/// What a sender gathers before it writes.
const WRITE_BUFFER_BYTES: usize = 16 << 10;
/// What a receiver reads at once.
const READ_BUFFER_BYTES: usize = 64 << 10;
/// And while it only waits.
const IDLE_BUFFER_BYTES: usize = HEAD_BYTES + SMALL_MESSAGE_BYTES;

const HEAD_BYTES: usize = 4;
const LENGTH: u32 = (1 << 30) - 1;
/// Take it.
const TAKE: u32 = 0;
/// Send it back.
const ECHO: u32 = 1 << 30;
/// Say how many were taken.
const COUNT: u32 = 2 << 30;

/// Both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Duplex for T {}

/// The connection under a stream, if it has to be closed by itself.
pub trait Carrier: Send + 'static {
    /// Closes it. `stream` is all that went over it.
    fn hang_up<D: Duplex>(self, stream: BufWriter<D>) -> impl Future<Output = Result<()>> + Send;
}

/// The stream is the connection.
impl Carrier for () {
    async fn hang_up<D: Duplex>(self, mut stream: BufWriter<D>) -> Result<()> {
        Ok(stream.shutdown().await?)
    }
}

/// The dialing end of a stream.
pub struct StreamSession<D, C = ()> {
    stream: BufWriter<D>,
    carrier: C,
    taken: u64,
}

impl<D: Duplex, C> StreamSession<D, C> {
    /// Over this stream of this connection.
    pub fn new(stream: D, carrier: C) -> Self {
        Self { stream: BufWriter::with_capacity(WRITE_BUFFER_BYTES, stream), carrier, taken: 0 }
    }
}

impl<D: Duplex, C: Carrier> Session for StreamSession<D, C> {
    async fn ask(&mut self) -> Result<()> {
        let message = [7; SMALL_MESSAGE_BYTES];
        self.stream.write_u32_le(ECHO | head(&message)?).await?;
        self.stream.write_all(&message).await?;
        self.stream.flush().await?;
        let mut answer = [0; SMALL_MESSAGE_BYTES];
        self.stream.read_exact(&mut answer).await?;
        ensure!(answer == message, "another answer");
        Ok(())
    }

    async fn flood(&mut self, bytes: usize, count: usize) -> Result<()> {
        let message = random(bytes);
        let head = TAKE | head(&message)?;
        for _ in 0..count {
            self.stream.write_u32_le(head).await?;
            self.stream.write_all(&message).await?;
        }
        self.stream.write_u32_le(COUNT).await?;
        self.stream.flush().await?;
        self.taken += u64::try_from(count)?;
        ensure!(self.stream.read_u64_le().await? == self.taken, "messages are missing");
        Ok(())
    }

    async fn close(self) -> Result<()> {
        self.carrier.hang_up(self.stream).await
    }
}

fn head(message: &[u8]) -> Result<u32> {
    let length = u32::try_from(message.len())?;
    ensure!(length <= LENGTH, "too long");
    Ok(length)
}

/// The accepting end of a stream, until the other one hangs up.
pub async fn serve(stream: impl Duplex, idle: bool) -> Result<()> {
    let capacity = if idle { IDLE_BUFFER_BYTES } else { READ_BUFFER_BYTES };
    let mut stream = BufReader::with_capacity(capacity, stream);
    let mut message = Vec::new();
    let mut taken: u64 = 0;
    while let Ok(head) = stream.read_u32_le().await {
        let length = usize::try_from(head & LENGTH)?;
        match head & !LENGTH {
            TAKE => {
                message.resize(length, 0);
                stream.read_exact(&mut message).await?;
                taken += 1;
            }
            ECHO if length == SMALL_MESSAGE_BYTES => {
                let mut message = [0; SMALL_MESSAGE_BYTES];
                stream.read_exact(&mut message).await?;
                stream.write_all(&message).await?;
                stream.flush().await?;
            }
            COUNT => {
                message = Vec::new();
                stream.write_u64_le(taken).await?;
                stream.flush().await?;
            }
            _ => bail!("no head"),
        }
    }
    Ok(())
}
