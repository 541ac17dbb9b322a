//! Round trips between two processes: every hop wakes a core that sleeps.

use std::time::Instant;

use benches::{KeyExchange, Part, Person, Tls};
use node::{Allow, Limits, StreamName, StreamOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::measure::{Run, Sample, random};
use crate::stream::Duplex;
use crate::{Load, SMALL_MESSAGE_BYTES, Stack, actors};

/// The first argument of the answering process.
pub const SERVER: &str = "--processes-server";

pub async fn run(stack: Stack, load: &Load) -> Sample {
    let mut server = Part::spawn(&[SERVER, &format!("{stack:?}")]);
    match stack {
        Stack::Tcp | Stack::Tls => {
            let address = server.hear();
            let dialer = (stack == Stack::Tls).then(|| Tls::dialer(&server.hear()));
            let socket = TcpStream::connect(&address).await.unwrap();
            socket.set_nodelay(true).unwrap();
            let mut stream: Box<dyn Duplex> = match &dialer {
                None => Box::new(socket),
                Some(dialer) => Box::new(benches::tls_connect(dialer, socket).await),
            };
            let message = random(SMALL_MESSAGE_BYTES);
            let mut answer = [0; SMALL_MESSAGE_BYTES];
            let mut each = Vec::with_capacity(load.round_trips);
            let run = Run::start();
            for _ in 0..load.round_trips {
                let started = Instant::now();
                stream.write_all(&message).await.unwrap();
                stream.flush().await.unwrap();
                stream.read_exact(&mut answer).await.unwrap();
                each.push(started.elapsed());
            }
            run.stop(load.round_trips, each)
        }
        Stack::Conclave | Stack::Actors => {
            let mut person = Person::new();
            server.tell(&person.card(None).to_text().unwrap());
            let card: node::Card = server.hear().parse().unwrap();
            let node = person.start(false, std::slice::from_ref(&card), Limits::default()).await;
            if stack == Stack::Actors {
                let address = node.service(card.identity(), "worker").await.unwrap();
                return actors::round_trips(&address, load.round_trips).await;
            }
            let (to, fro) = (StreamName::new("to").unwrap(), StreamName::new("fro").unwrap());
            let sender = node.sender(card.identity(), to, StreamOptions::default());
            let mut answers = node.receiver(fro).unwrap();
            let message = random(SMALL_MESSAGE_BYTES);
            let mut each = Vec::with_capacity(load.round_trips);
            let run = Run::start();
            for _ in 0..load.round_trips {
                let started = Instant::now();
                sender.send(message.clone()).await.unwrap();
                answers.recv().await.unwrap();
                each.push(started.elapsed());
            }
            run.stop(load.round_trips, each)
        }
    }
}

/// The answering process.
pub fn serve(arguments: &[String]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let stack = arguments[0].clone();
    runtime.block_on(async {
        // On a worker, as the peers of a server would be, and not on this thread.
        tokio::spawn(async move {
            match stack.as_str() {
                "Tcp" => serve_stream(None).await,
                "Tls" => serve_stream(Some(Tls::new(KeyExchange::X25519))).await,
                _ => serve_node().await,
            }
        })
        .await
        .unwrap();
    });
}

async fn serve_stream(tls: Option<Tls>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    if let Some(tls) = &tls {
        println!("{}", tls.to_text());
    }
    let (socket, _) = listener.accept().await.unwrap();
    socket.set_nodelay(true).unwrap();
    let mut stream: Box<dyn Duplex> = match tls {
        None => Box::new(socket),
        Some(tls) => Box::new(tls.accept(socket).await),
    };
    let mut message = [0; SMALL_MESSAGE_BYTES];
    while stream.read_exact(&mut message).await.is_ok() {
        stream.write_all(&message).await.unwrap();
        stream.flush().await.unwrap();
    }
}

async fn serve_node() {
    let mut person = Person::new();
    let line = std::io::stdin().lines().next().unwrap().unwrap();
    let card: node::Card = line.parse().unwrap();
    let node = person.start(true, std::slice::from_ref(&card), Limits::default()).await;
    node.serve("worker", Allow::Members, actors::worker).unwrap();
    let mut requests = node.receiver(StreamName::new("to").unwrap()).unwrap();
    println!("{}", person.card(Some(node.local_addresses()[0])).to_text().unwrap());
    let answers = node.sender(card.identity(), StreamName::new("fro").unwrap(), StreamOptions::default());
    while let Some(mut incoming) = requests.recv().await {
        let message = incoming.body.next().await.unwrap().unwrap();
        answers.send(message).await.unwrap();
    }
}
