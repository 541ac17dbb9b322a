//! The memory network behaves as sockets do, and breaks on demand.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::*;

fn host(number: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, number), 0))
}

async fn pair(network: &MemoryNetwork) -> (MemoryStream, MemoryStream) {
    let mut listener = network.listen(host(1)).unwrap();
    let near = network.connect(host(2), listener.local_address()).await.unwrap();
    let far = listener.accept().await;
    assert_eq!((near.local_address(), near.remote_address()), (far.remote_address(), far.local_address()));
    (near, far)
}

#[tokio::test]
async fn bytes_arrive_in_order_and_the_end_after_them() {
    let (mut near, mut far) = pair(&MemoryNetwork::new()).await;
    let sent: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let expected = sent.clone();
    let writer = tokio::spawn(async move { near.write_all(&sent).await.unwrap() });
    let mut received = Vec::new();
    far.read_to_end(&mut received).await.unwrap();
    assert!(received == expected);
    writer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_a_slow_reader() {
    let (mut near, mut far) = pair(&MemoryNetwork::new()).await;
    let all = vec![7; 1_000_000];
    let blocked = tokio::time::timeout(Duration::from_secs(1), near.write_all(&all)).await;
    assert!(blocked.is_err(), "a pipe holds a bounded number of bytes");
    drop(near);
    let mut received = Vec::new();
    far.read_to_end(&mut received).await.unwrap();
    assert!(received.len() < all.len());
}

#[tokio::test]
async fn refuses_where_nobody_listens() {
    let network = MemoryNetwork::new();
    let nowhere = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 9), 1));
    assert_eq!(network.connect(host(1), nowhere).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let listener = network.listen(nowhere).unwrap();
    assert_eq!(network.listen(nowhere).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    drop(listener);
    assert!(network.listen(nowhere).is_ok(), "a dropped listener frees its address");
}

#[tokio::test]
async fn a_cut_resets_both_ends_of_the_connections_of_a_host() {
    let network = MemoryNetwork::new();
    let (mut near, mut far) = pair(&network).await;
    near.write_all(b"lost").await.unwrap();
    assert_eq!(network.cut(host(7).ip()), 0);
    assert_eq!(network.cut(host(2).ip()), 1);
    assert_eq!(far.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(near.write_u8(1).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn latency_and_unreachable_hosts() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(20));
    let (mut near, mut far) = pair(&network).await;
    let start = Instant::now();
    near.write_all(b"ab").await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'a');
    assert_eq!(start.elapsed(), Duration::from_millis(20));

    network.set_reachable(host(1).ip(), false);
    let nothing = tokio::time::timeout(Duration::from_secs(5), far.read_u8()).await;
    assert!(nothing.is_err());
    let dial = network.connect(host(3), far.local_address());
    assert!(tokio::time::timeout(Duration::from_secs(5), dial).await.is_err());
    network.set_reachable(host(1).ip(), true);
    assert_eq!(far.read_u8().await.unwrap(), b'b', "held back, not lost");
}

#[tokio::test]
async fn records_what_each_side_wrote() {
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let (mut near, mut far) = pair(&network).await;
    near.write_all(b"question").await.unwrap();
    far.write_all(b"answer").await.unwrap();
    let recordings = network.recordings();
    assert_eq!(recordings.len(), 2);
    assert_eq!((recordings[0].from, &recordings[0].bytes[..]), (near.local_address(), &b"question"[..]));
    assert_eq!((recordings[1].from, &recordings[1].bytes[..]), (far.local_address(), &b"answer"[..]));
}
