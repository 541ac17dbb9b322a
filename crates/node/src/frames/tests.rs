//! Whose buffers a reader takes and gives back.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::AsyncWriteExt;

use super::*;
use crate::carrier::memory::MemoryNetwork;

#[tokio::test]
async fn a_small_buffer_of_before_the_session_takes_no_place_in_the_pool() {
    let host = |number| SocketAddr::from((Ipv4Addr::new(10, 0, 0, number), 0));
    let network = MemoryNetwork::new();
    let mut listener = network.listen(host(1)).unwrap();
    let mut near = network.connect(host(2), listener.local_address()).await.unwrap();
    let mut carrier = Carrier::Memory(Box::new(listener.accept().await));
    // Of one buffer, and with room for one.
    let pool = Pool::new(64 * 1024, 1);
    let first = pool.lend();
    let address = first.as_ptr();
    pool.give_back(first);

    let mut reader = FrameReader::new(MAX_PACKET_BYTES);
    for unproven in [true, false, true, false] {
        let mut frame = BytesMut::new();
        selfsync_codec::encode(b"a packet", &mut frame);
        near.write_all(&frame).await.unwrap();
        let read = poll_fn(|context| match unproven {
            true => reader.poll_fill_sparingly(context, &mut carrier, UNPROVEN_BYTES),
            false => reader.poll_fill(context, &mut carrier, &pool),
        });
        assert!(read.await.unwrap() > 0);
        assert_eq!(reader.next_packet().unwrap().unwrap(), &b"a packet"[..]);
        reader.rest(&pool);
        assert_eq!(reader.input.capacity(), 0, "an idle reader has no buffer");
    }
    assert_eq!(pool.lend().as_ptr(), address, "the one buffer was used again and again");
}
