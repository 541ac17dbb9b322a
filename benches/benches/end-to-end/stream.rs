//! The modes over a byte stream: plain TCP, or TLS above it.

use std::time::{Duration, Instant};

use benches::Tls;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};

use crate::measure::{Run, Sample, random};
use crate::{BULK_MESSAGE_BYTES, Load, Mode, SMALL_MESSAGE_BYTES};

/// What a sender gathers before it writes.
const WRITE_BUFFER_BYTES: usize = 16 << 10;
const READ_BUFFER_BYTES: usize = 64 << 10;

pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

pub async fn run(mode: Mode, load: &Load, tls: Option<Tls>) -> Sample {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let load = *load;
    let (accepting, dialing) = (tls.clone(), tls);
    let server = tokio::spawn(async move {
        let connections = if mode == Mode::Connect { load.connects } else { 1 };
        for _ in 0..connections {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            match &accepting {
                None => serve(mode, &load, socket).await,
                Some(tls) => serve(mode, &load, tls.accept(socket).await).await,
            }
        }
    });
    let dial = || async {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let stream: Box<dyn Duplex> = match &dialing {
            None => Box::new(socket),
            Some(tls) => Box::new(tls.connect(socket).await),
        };
        stream
    };
    let sample = if mode == Mode::Connect {
        let run = Run::start();
        let mut each = Vec::with_capacity(load.connects);
        for _ in 0..load.connects {
            let started = Instant::now();
            let mut stream = dial().await;
            round_trip(&mut stream, &[7; SMALL_MESSAGE_BYTES]).await;
            let _ = stream.shutdown().await;
            each.push(started.elapsed());
        }
        run.stop(load.connects, each)
    } else {
        client(mode, &load, dial().await).await
    };
    server.await.unwrap();
    sample
}

async fn client(mode: Mode, load: &Load, stream: Box<dyn Duplex>) -> Sample {
    match mode {
        Mode::Bulk => one_way(stream, &random(BULK_MESSAGE_BYTES), load.bulk_messages).await,
        Mode::Rate => one_way(stream, &random(SMALL_MESSAGE_BYTES), load.rate_messages).await,
        _ => round_trips(stream, load.round_trips).await,
    }
}

async fn one_way(stream: Box<dyn Duplex>, message: &[u8], count: usize) -> Sample {
    let (mut reader, writer) = tokio::io::split(stream);
    let mut writer = BufWriter::with_capacity(WRITE_BUFFER_BYTES, writer);
    let run = Run::start();
    for _ in 0..count {
        writer.write_u32_le(message.len() as u32).await.unwrap();
        writer.write_all(message).await.unwrap();
    }
    writer.flush().await.unwrap();
    reader.read_u8().await.unwrap();
    run.stop(count, Vec::new())
}

async fn round_trips(mut stream: Box<dyn Duplex>, count: usize) -> Sample {
    let message = random(SMALL_MESSAGE_BYTES);
    let mut each: Vec<Duration> = Vec::with_capacity(count);
    let run = Run::start();
    for _ in 0..count {
        let started = Instant::now();
        round_trip(&mut stream, &message).await;
        each.push(started.elapsed());
    }
    run.stop(count, each)
}

async fn round_trip(stream: &mut Box<dyn Duplex>, message: &[u8]) {
    let mut frame = [0; 4 + SMALL_MESSAGE_BYTES];
    frame[..4].copy_from_slice(&(message.len() as u32).to_le_bytes());
    frame[4..].copy_from_slice(message);
    stream.write_all(&frame).await.unwrap();
    stream.flush().await.unwrap();
    stream.read_exact(&mut frame).await.unwrap();
}

async fn serve(mode: Mode, load: &Load, stream: impl Duplex) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = BufReader::with_capacity(READ_BUFFER_BYTES, reader);
    let mut message = vec![0; BULK_MESSAGE_BYTES];
    let answers = matches!(mode, Mode::RoundTrip | Mode::Connect);
    let count = match mode {
        Mode::Bulk => load.bulk_messages,
        Mode::Rate => load.rate_messages,
        Mode::RoundTrip => load.round_trips,
        _ => 1,
    };
    for _ in 0..count {
        let length = reader.read_u32_le().await.unwrap() as usize;
        reader.read_exact(&mut message[..length]).await.unwrap();
        if answers {
            let mut frame = [0; 4 + SMALL_MESSAGE_BYTES];
            frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
            frame[4..].copy_from_slice(&message[..length]);
            writer.write_all(&frame).await.unwrap();
            writer.flush().await.unwrap();
        }
    }
    if !answers {
        writer.write_u8(1).await.unwrap();
        writer.flush().await.unwrap();
    }
    // Until the other side hangs up.
    let _ = reader.read_u8().await;
}
