//! The node that is flooded.

use std::io::BufRead;
use std::time::{Duration, SystemTime};

use node::{
    Card, Device, DeviceKey, Door, Identity, Limits, Members, Node, Record, StreamName, StreamOptions,
};

/// What makes a node, before it runs.
pub struct Person {
    record: Record,
    /// Until the node is started: a device key is not copied.
    device: Option<Device>,
    door: Door,
}

impl Person {
    pub fn new() -> Self {
        let mut rng = rand::rng();
        let identity = Identity::generate(&mut rng);
        let key = DeviceKey::generate(&mut rng).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let expires = membership::UnixSeconds::new(now + 86_400).unwrap();
        let record = Record::issue(&identity, key.id(), key.key(), expires).unwrap();
        let device = Some(Device::new(key, record.clone()).unwrap());
        Self { record, device, door: Door::generate(&mut rng) }
    }

    pub fn card(&self, node: Option<&Node>) -> Card {
        let address = node.map(|node| node.local_addresses()[0].to_string());
        let addresses = address.map(|address| membership::NetAddress::new(address).unwrap());
        let records = vec![self.record.clone()];
        Card::new(records, self.door.clone(), addresses.into_iter().collect(), None).unwrap()
    }

    pub async fn start(&mut self, listens: bool, friend: &Card) -> Node {
        let mut members = Members::new();
        members.add(friend).unwrap();
        let mut limits = Limits::default();
        // The session lasts through the turns.
        limits.idle_close = Duration::from_secs(3_600);
        limits.idle_close_initiator = limits.idle_close;
        let device = self.device.take().unwrap();
        let builder = Node::builder().device(device).door(self.door.clone()).members(members).limits(limits);
        let builder = if listens { builder.listen("127.0.0.1:0".parse().unwrap()) } else { builder };
        builder.spawn().await.unwrap()
    }
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
        let node = person.start(true, &friend).await;
        println!("{}", person.card(Some(&node)).to_text().unwrap());
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
