//! snow over TCP: the Noise IK handshake, then messages of at most 65,535 bytes behind a length of two bytes.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use snow::{Builder, HandshakeState, TransportState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::tcp::{self, Listening};
use crate::measure::random;
use crate::mode::{Mode, NOT_GROWN, SMALL_MESSAGE_BYTES};
use crate::system::{Dialer, Session, Setting, System};

/// The fastest of what snow has with `ring-accelerated`.
const PATTERN: &str = "Noise_IK_25519_AESGCM_SHA256";
/// The largest Noise message, and the largest that fits in one.
const MAX_NOISE_BYTES: usize = 65_535;
const MAX_PLAIN_BYTES: usize = MAX_NOISE_BYTES - TAG_BYTES;
const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = 4;
/// What is read at once: a whole Noise message and its length.
const READ_BUFFER_BYTES: usize = 2 + MAX_NOISE_BYTES;
/// And while a connection only waits.
const IDLE_BUFFER_BYTES: usize = 128;

/// What each message begins with: what is to be done with it.
const TAKE: u8 = 0;
const ECHO: u8 = 1;
const COUNT: u8 = 2;

/// The system.
pub struct Noise;

impl System for Noise {
    const NAME: &'static str = "snow";
    const LABEL: &'static str = "snow over TCP";
    const BATCHING: &'static str = "messages gather, each behind four bytes, until a Noise message of 65,535 bytes is full; one write for each";
    const NOTES: &'static [&'static str] =
        &["Noise_IK_25519_AESGCM_SHA256 with `ring-accelerated`, no KEM; the \
         accepting end checks the dialing one's key"];
    const GAPS: &'static [(Mode, &'static str)] = &[(Mode::Growth, NOT_GROWN)];
    type Host = Listening;
    type Dialer = NoiseDialer;

    fn dialer(_: usize) -> Result<NoiseDialer> {
        let keys = Builder::new(PATTERN.parse()?).generate_keypair()?;
        Ok(NoiseDialer { keys, reached: None })
    }

    async fn host(setting: Setting) -> Result<(Listening, String)> {
        let idle = setting.idle;
        let keys = Builder::new(PATTERN.parse()?).generate_keypair()?;
        let known = hex::decode(setting.introductions.first().context("nobody was introduced")?)?;
        let (private, public) = (keys.private.clone(), hex::encode(&keys.public));
        let serve = move |socket| {
            let (private, known) = (private.clone(), known.clone());
            async move {
                let channel = Channel::accept(socket, &private, &known, idle).await?;
                serve(channel).await
            }
        };
        let (host, address) = tcp::listen(serve).await?;
        Ok((host, format!("{address} {public}")))
    }
}

/// A sealed connection.
struct Channel {
    socket: BufReader<TcpStream>,
    state: TransportState,
    /// What waits to be sealed.
    gathered: Vec<u8>,
    sealed: Vec<u8>,
    /// What was opened, and how much of it was taken.
    opened: Vec<u8>,
    start: usize,
}

impl Channel {
    async fn dial(mut socket: TcpStream, private: &[u8], host: &[u8]) -> Result<Self> {
        let builder = Builder::new(PATTERN.parse()?).local_private_key(private)?.remote_public_key(host)?;
        let mut state = builder.build_initiator()?;
        send_part(&mut socket, &mut state).await?;
        receive_part(&mut socket, &mut state).await?;
        Self::new(socket, state, READ_BUFFER_BYTES)
    }

    async fn accept(mut socket: TcpStream, private: &[u8], known: &[u8], idle: bool) -> Result<Self> {
        let mut state = Builder::new(PATTERN.parse()?).local_private_key(private)?.build_responder()?;
        receive_part(&mut socket, &mut state).await?;
        ensure!(state.get_remote_static() == Some(known), "a stranger");
        send_part(&mut socket, &mut state).await?;
        Self::new(socket, state, if idle { IDLE_BUFFER_BYTES } else { READ_BUFFER_BYTES })
    }

    fn new(socket: TcpStream, state: HandshakeState, capacity: usize) -> Result<Self> {
        let socket = BufReader::with_capacity(capacity, socket);
        let state = state.into_transport_mode()?;
        let [gathered, sealed, opened] = [(); 3].map(|()| Vec::new());
        Ok(Self { socket, state, gathered, sealed, opened, start: 0 })
    }

    /// Sends full Noise messages only; the rest waits for [`flush`](Self::flush).
    async fn send(&mut self, kind: u8, mut message: &[u8]) -> Result<()> {
        let head = (u32::try_from(message.len())? << 8) | u32::from(kind);
        if self.gathered.len() + HEAD_BYTES > MAX_PLAIN_BYTES {
            self.flush().await?;
        }
        self.gathered.extend_from_slice(&head.to_le_bytes());
        while !message.is_empty() {
            let (now, later) = message.split_at(message.len().min(MAX_PLAIN_BYTES - self.gathered.len()));
            self.gathered.extend_from_slice(now);
            message = later;
            if self.gathered.len() == MAX_PLAIN_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        self.sealed.resize(2 + self.gathered.len() + TAG_BYTES, 0);
        let length = self.state.write_message(&self.gathered, &mut self.sealed[2..])?;
        self.sealed[..2].copy_from_slice(&u16::try_from(length)?.to_le_bytes());
        self.socket.write_all(&self.sealed[..2 + length]).await?;
        self.gathered.clear();
        Ok(())
    }

    /// So many bytes of what comes, or `None` at its end.
    async fn read(&mut self, into: &mut [u8]) -> Result<Option<()>> {
        let mut filled = 0;
        while filled < into.len() {
            if self.start == self.opened.len() && !self.fill().await? {
                return Ok(None);
            }
            let count = (into.len() - filled).min(self.opened.len() - self.start);
            into[filled..filled + count].copy_from_slice(&self.opened[self.start..self.start + count]);
            filled += count;
            self.start += count;
        }
        Ok(Some(()))
    }

    async fn fill(&mut self) -> Result<bool> {
        let Ok(length) = self.socket.read_u16_le().await else { return Ok(false) };
        self.sealed.resize(usize::from(length), 0);
        self.socket.read_exact(&mut self.sealed).await?;
        self.opened.resize(self.sealed.len(), 0);
        let opened = self.state.read_message(&self.sealed, &mut self.opened)?;
        self.opened.truncate(opened);
        self.start = 0;
        Ok(true)
    }

    /// The kind of the next message; its bytes are in `message`.
    async fn receive(&mut self, message: &mut Vec<u8>) -> Result<Option<u8>> {
        let mut head = [0; HEAD_BYTES];
        if self.read(&mut head).await?.is_none() {
            return Ok(None);
        }
        let head = u32::from_le_bytes(head);
        message.resize(usize::try_from(head >> 8)?, 0);
        let whole = self.read(message).await?;
        whole.context("half a message")?;
        Ok(Some(head.to_le_bytes()[0]))
    }
}

async fn send_part(socket: &mut TcpStream, state: &mut HandshakeState) -> Result<()> {
    let mut part = [0; 256];
    let length = state.write_message(&[], &mut part)?;
    let mut framed = u16::try_from(length)?.to_le_bytes().to_vec();
    framed.extend_from_slice(&part[..length]);
    Ok(socket.write_all(&framed).await?)
}

async fn receive_part(socket: &mut TcpStream, state: &mut HandshakeState) -> Result<()> {
    let mut part = vec![0; usize::from(socket.read_u16_le().await?)];
    socket.read_exact(&mut part).await?;
    state.read_message(&part, &mut [0; 256])?;
    Ok(())
}

async fn serve(mut channel: Channel) -> Result<()> {
    let mut message = Vec::new();
    let mut taken: u64 = 0;
    while let Some(kind) = channel.receive(&mut message).await? {
        match kind {
            TAKE => taken += 1,
            ECHO => channel.send(ECHO, &message).await?,
            _ => channel.send(COUNT, &taken.to_le_bytes()).await?,
        }
        if kind != TAKE {
            channel.flush().await?;
        }
    }
    Ok(())
}

/// The dialing end.
pub struct NoiseDialer {
    keys: snow::Keypair,
    reached: Option<(SocketAddr, Vec<u8>)>,
}

impl Dialer for NoiseDialer {
    type Session = NoiseSession;

    fn introductions(&self) -> Vec<String> {
        vec![hex::encode(&self.keys.public)]
    }

    async fn meet(&mut self, invitation: &str) -> Result<()> {
        let (address, key) = invitation.split_once(' ').context("no key")?;
        self.reached = Some((address.parse()?, hex::decode(key)?));
        Ok(())
    }

    async fn connect(&mut self, _: usize) -> Result<NoiseSession> {
        let (address, host) = self.reached.as_ref().context("nobody was met")?;
        let socket = tcp::connect(Some(*address)).await?;
        let channel = Channel::dial(socket, &self.keys.private, host).await?;
        Ok(NoiseSession { channel, answer: Vec::new(), taken: 0 })
    }
}

/// The dialing end of one connection.
pub struct NoiseSession {
    channel: Channel,
    answer: Vec<u8>,
    taken: u64,
}

impl NoiseSession {
    async fn answer(&mut self) -> Result<()> {
        self.channel.flush().await?;
        self.channel.receive(&mut self.answer).await?.context("no answer")?;
        Ok(())
    }
}

impl Session for NoiseSession {
    async fn ask(&mut self) -> Result<()> {
        self.channel.send(ECHO, &[7; SMALL_MESSAGE_BYTES]).await?;
        self.answer().await?;
        ensure!(self.answer == [7; SMALL_MESSAGE_BYTES], "another answer");
        Ok(())
    }

    async fn flood(&mut self, bytes: usize, count: usize) -> Result<()> {
        let message = random(bytes);
        for _ in 0..count {
            self.channel.send(TAKE, &message).await?;
        }
        self.channel.send(COUNT, &[]).await?;
        self.taken += u64::try_from(count)?;
        self.answer().await?;
        ensure!(self.answer == self.taken.to_le_bytes(), "messages are missing");
        Ok(())
    }

    async fn close(mut self) -> Result<()> {
        self.channel.socket.shutdown().await?;
        Ok(())
    }
}
