//! Many strangers, and slow ones.

use std::time::Duration;

use node::{Limits, MemoryNetwork};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::support::{Person, host, noise};

#[tokio::test(start_paused = true)]
async fn who_sends_byte_by_byte_has_no_more_time_than_others() {
    let network = MemoryNetwork::new();
    let bob = Person::new(2);
    let node = bob.start(&network, host(2), Limits::default(), &[]).await;
    let mut stream = network.connect(host(1), host(2)).await.unwrap();
    let start = Instant::now();
    // The beginning of a frame that would go on for long.
    stream.write_all(&[0xfe, 0xfd, 0x01, 0xfc]).await.unwrap();
    while stream.write_all(&[7]).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(start.elapsed() < Duration::from_secs(11));
    }
    assert!(start.elapsed() >= Duration::from_secs(10));
    drop(node);
}

#[tokio::test(start_paused = true)]
async fn a_flood_from_everywhere_does_not_keep_a_member_out() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(20));
    let (alice, bob) = (Person::new(1), Person::new(2));
    let mut limits = Limits::default();
    limits.max_strangers = 64;
    limits.max_strangers_per_source = 4;
    let b = bob.start(&network, host(2), limits, &[(&alice, 1)]).await;
    let a = alice.start(&network, host(1), Limits::default(), &[(&bob, 2)]).await;
    let flood = {
        let network = network.clone();
        tokio::spawn(async move {
            let mut held = Vec::new();
            for round in 0..2_000_u32 {
                let from =
                    std::net::SocketAddr::from((std::net::Ipv4Addr::from(0xac10_0000 + round % 500), 0));
                if let Ok(mut stream) = network.connect(from, host(2)).await {
                    stream.write_all(&noise(100, 1)).await.ok();
                    held.push(stream);
                }
            }
            held
        })
    };
    tokio::time::sleep(Duration::from_secs(3)).await;
    let start = Instant::now();
    a.ping(bob.identity()).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    flood.abort();
    drop(b);
}

#[tokio::test(start_paused = true)]
async fn one_source_takes_no_more_than_its_share() {
    let network = MemoryNetwork::new();
    let bob = Person::new(2);
    let mut limits = Limits::default();
    limits.max_strangers_per_source = 4;
    let node = bob.start(&network, host(2), limits, &[]).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(network.connect(host(1), host(2)).await.unwrap());
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut closed = 0;
    for stream in &mut streams {
        let read = tokio::time::timeout(Duration::from_millis(1), stream.read_u8()).await;
        closed += usize::from(read.is_ok());
    }
    assert_eq!(closed, 6, "the first four wait, the others were closed at once");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(network.connect(host(1), host(2)).await.is_ok());
    drop(node);
}
