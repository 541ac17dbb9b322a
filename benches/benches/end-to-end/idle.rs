//! Memory per idle session: an accepting process of its own, and this one dials it many times.

use std::time::Duration;

use benches::{KeyExchange, Part, Person, Tls};
use node::{Allow, Limits, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::measure::Sample;
use crate::{Stack, actors};

/// The first argument of the accepting process.
pub const SERVER: &str = "--idle-server";

const LONG: Duration = Duration::from_secs(3600);
/// As many as come.
const ANY: Rate = Rate { burst: 1_000_000, interval: Duration::from_micros(1) };
/// What a connection reads into while it waits for a message.
const READ_BUFFER_BYTES: usize = 16 << 10;

fn patient() -> Limits {
    let mut limits = Limits::default();
    limits.idle_close = LONG;
    limits.idle_close_initiator = LONG;
    limits.max_strangers_per_source = usize::MAX;
    // All connections come from one address, one right after the other.
    (limits.host_rate, limits.network_rate) = (ANY, ANY);
    limits.handshake_budget_percent = 100;
    limits
}

pub fn measure(stack: Stack, sessions: usize) -> Sample {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (before, after) = match stack {
        Stack::Tcp | Stack::Tls => runtime.block_on(streams(stack, sessions)),
        Stack::Conclave => runtime.block_on(nodes(sessions, false)),
        Stack::Actors => runtime.block_on(nodes(sessions, true)),
    };
    runtime.shutdown_background();
    Sample { bytes: (after as f64 - before as f64) / sessions as f64, count: sessions, ..Sample::default() }
}

/// The first session pays for what all share: it stands before the measurement.
async fn streams(stack: Stack, sessions: usize) -> (u64, u64) {
    let mut server = Part::spawn(&[SERVER, if stack == Stack::Tls { "tls" } else { "tcp" }]);
    let address = server.hear();
    let dialer = (stack == Stack::Tls).then(|| Tls::dialer(&server.hear()));
    let mut held: Vec<Box<dyn crate::stream::Duplex>> = Vec::new();
    let mut before = 0;
    for at in 0..=sessions {
        let socket = TcpStream::connect(&address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let mut stream: Box<dyn crate::stream::Duplex> = match &dialer {
            None => Box::new(socket),
            Some(dialer) => Box::new(benches::tls_connect(dialer, socket).await),
        };
        stream.write_u8(1).await.unwrap();
        stream.flush().await.unwrap();
        stream.read_u8().await.unwrap();
        held.push(stream);
        if at == 0 {
            before = server.resident_bytes();
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    (before, server.resident_bytes())
}

/// With actors each session has carried one question, and its address is kept.
async fn nodes(sessions: usize, actors: bool) -> (u64, u64) {
    let mut people: Vec<Person> = (0..=sessions).map(|_| Person::new()).collect();
    let mut server = Part::spawn(&[SERVER, "conclave"]);
    for person in &people {
        server.tell(&person.card(None).to_text().unwrap());
    }
    server.tell("");
    let card: node::Card = server.hear().parse().unwrap();
    let mut held = Vec::new();
    let mut before = 0;
    for (at, person) in people.iter_mut().enumerate() {
        let node = person.start(false, std::slice::from_ref(&card), patient()).await;
        let address = if actors {
            let address = node.service(card.identity(), "worker").await.unwrap();
            actors::round_trips(&address, 1).await;
            Some(address)
        } else {
            node.ping(card.identity()).await.unwrap();
            None
        };
        held.push((node, address));
        if at == 0 {
            before = server.resident_bytes();
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    (before, server.resident_bytes())
}

/// The accepting process.
pub fn serve(arguments: &[String]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match arguments[0].as_str() {
            "conclave" => serve_node().await,
            "tls" => serve_streams(Some(Tls::new(KeyExchange::X25519))).await,
            _ => serve_streams(None).await,
        }
    });
}

async fn serve_node() {
    let mut person = Person::new();
    let lines = std::io::stdin().lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    let cards: Vec<node::Card> = lines.map(|line| line.parse().unwrap()).collect();
    let node = person.start(true, &cards, patient()).await;
    node.serve("worker", Allow::Members, actors::worker).unwrap();
    println!("{}", person.card(Some(node.local_addresses()[0])).to_text().unwrap());
    std::future::pending::<()>().await;
}

async fn serve_streams(tls: Option<Tls>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    if let Some(tls) = &tls {
        println!("{}", tls.to_text());
    }
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let tls = tls.clone();
        tokio::spawn(async move {
            match tls {
                None => idle_stream(socket).await,
                Some(tls) => idle_stream(tls.accept(socket).await).await,
            }
        });
    }
}

async fn idle_stream(mut stream: impl crate::stream::Duplex) {
    // What a server keeps ready for a message.
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    while let Ok(1..) = stream.read(&mut buffer).await {
        stream.write_u8(1).await.unwrap();
        stream.flush().await.unwrap();
    }
}
