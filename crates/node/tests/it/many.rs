//! Many nodes in one process.

use node::{Limits, MemoryNetwork, StreamOptions};

use crate::support::{Person, host, name, next};

const NODES: u8 = 50;

#[tokio::test(start_paused = true)]
async fn fifty_nodes_talk_to_each_other() {
    let network = MemoryNetwork::new();
    let people: Vec<Person> = (0..NODES).map(|seed| Person::new(u64::from(seed))).collect();
    let mut nodes = Vec::new();
    for (number, person) in (0..NODES).zip(&people) {
        let node = person.start(&network, host(number), Limits::default(), &[]).await;
        for (other, member) in (0..NODES).zip(&people) {
            if other != number {
                node.add_member(&member.card(host(other))).unwrap();
            }
        }
        nodes.push(node);
    }
    let mut tasks = Vec::new();
    for (number, node) in (0..NODES).zip(&nodes) {
        let mut receiver = node.receiver(name("ring")).unwrap();
        for distance in [1, 7, 25] {
            let to = usize::from((number + distance) % NODES);
            let sender = node.sender(people[to].identity(), name("ring"), StreamOptions::default());
            tasks.push(tokio::spawn(async move {
                for index in 0..20 {
                    sender.send_confirmed(vec![number, index]).await.unwrap();
                }
            }));
        }
        tasks.push(tokio::spawn(async move {
            let mut expected = std::collections::BTreeMap::<u8, u8>::new();
            for _ in 0..60 {
                let message = next(&mut receiver).await;
                let count = expected.entry(message[0]).or_default();
                assert_eq!(message[1], *count, "in order from each");
                *count += 1;
            }
            assert!(expected.len() == 3 && expected.values().all(|count| *count == 20));
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for node in &nodes {
        assert!(node.sessions().len() <= 6);
    }
    for node in nodes {
        node.shutdown().await;
    }
}
