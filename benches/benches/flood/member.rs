//! The member whose round trips are measured.

use std::time::{Duration, Instant};

use benches::Person;
use bytes::Bytes;
use node::{Card, StreamOptions};

use crate::node::{limits, line, name, on_a_worker};

const MESSAGE_BYTES: usize = 64;
/// Between two round trips: somebody who talks, not a load of its own.
const PAUSE: Duration = Duration::from_micros(500);

pub fn run() {
    on_a_worker(async {
        let mut person = Person::new();
        println!("{}", person.card(None).to_text().unwrap());
        let card: Card = line().parse().unwrap();
        let node = person.start(false, std::slice::from_ref(&card), limits()).await;
        node.connect(card.identity()).await.unwrap();
        println!("connected");
        let sender = node.sender(card.identity(), name("to"), StreamOptions::default());
        let mut answers = node.receiver(name("fro")).unwrap();
        let message = Bytes::from(vec![7; MESSAGE_BYTES]);
        loop {
            let seconds: u64 = tokio::task::spawn_blocking(line).await.unwrap().parse().unwrap();
            let end = Instant::now() + Duration::from_secs(seconds);
            let mut each = Vec::new();
            while Instant::now() < end {
                let started = Instant::now();
                sender.send(message.clone()).await.unwrap();
                answers.recv().await.unwrap();
                each.push(started.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            each.sort_unstable();
            let at = |part: usize| each[each.len() * part / 100].as_secs_f64() * 1e6;
            println!("{} {}", at(50), at(99));
        }
    });
}
