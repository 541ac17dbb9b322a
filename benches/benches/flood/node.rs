//! The node that is flooded.

use std::io::BufRead;
use std::time::Duration;

use benches::Person;
use node::{Card, Limits, StreamName, StreamOptions};

/// The session lasts through the turns.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.idle_close = Duration::from_secs(3_600);
    limits.idle_close_initiator = limits.idle_close;
    limits
}

pub fn on_a_worker(work: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::spawn(work).await.unwrap() });
    runtime.shutdown_background();
}

pub fn line() -> String {
    std::io::stdin().lock().lines().next().unwrap().unwrap()
}

pub fn name(text: &str) -> StreamName {
    StreamName::new(text).unwrap()
}

pub fn run() {
    on_a_worker(async {
        let mut person = Person::new();
        let friend: Card = line().parse().unwrap();
        let node = person.start(true, std::slice::from_ref(&friend), limits()).await;
        println!("{}", person.card(Some(node.local_addresses()[0])).to_text().unwrap());
        println!("{}", node.local_addresses()[0]);
        let mut requests = node.receiver(name("to")).unwrap();
        let answers = node.sender(friend.identity(), name("fro"), StreamOptions::default());
        let reporting = node.clone();
        std::thread::spawn(move || {
            while line() == "report" {
                println!("{:?}", reporting.admission());
            }
        });
        while let Some(mut incoming) = requests.recv().await {
            let message = incoming.body.next().await.unwrap().unwrap();
            answers.send(message).await.unwrap();
        }
    });
}
