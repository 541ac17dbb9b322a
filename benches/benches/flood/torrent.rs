//! The flood: bogus first packets at a rate, each from an address of its own.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use socket2::{Domain, Socket, Type};
use x3dh_handshake::{Kind, PROTOCOL_VERSION, Suite};

use crate::node::line;

/// Connections that are held open: the node has long read the packet when they end.
const HELD: usize = 400;

/// A first packet of the right size, version and suite from somebody who does not know the door.
fn bogus(rng: &mut StdRng) -> Vec<u8> {
    let mut packet = vec![0; Kind::First.packet_bytes(Suite::X3dhHybrid).unwrap()];
    rng.fill_bytes(&mut packet);
    packet[..2].copy_from_slice(&[Kind::First.byte(), PROTOCOL_VERSION]);
    packet[2..4].copy_from_slice(&Suite::X3dhHybrid.id().to_le_bytes());
    let mut frame = BytesMut::new();
    selfsync_codec::encode(&packet, &mut frame);
    frame.to_vec()
}

fn throw(target: SocketAddr, rng: &mut StdRng, frame: &[u8]) -> std::io::Result<Socket> {
    let from = Ipv4Addr::from(0x7f00_0000 | rng.random_range(0x0100..0x00ff_ff00_u32));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect(&target.into())?;
    socket.send(frame)?;
    // Gone without a trace in the kernel when it is dropped.
    socket.set_linger(Some(Duration::ZERO))?;
    Ok(socket)
}

pub fn run() {
    let order = line();
    let (target, rate) = order.split_once(' ').unwrap();
    let (target, rate): (SocketAddr, f64) = (target.parse().unwrap(), rate.parse().unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    let flood = std::thread::spawn(move || {
        let mut rng = StdRng::seed_from_u64(7);
        let frames: Vec<_> = (0..64).map(|_| bogus(&mut rng)).collect();
        let mut held = VecDeque::with_capacity(HELD);
        let start = Instant::now();
        let (mut thrown, mut attempts) = (0_u64, 0_u64);
        while !stopping.load(Ordering::Relaxed) {
            let due = start.elapsed().as_secs_f64() * rate;
            if attempts as f64 >= due {
                std::thread::sleep(Duration::from_micros(200));
                continue;
            }
            let frame = &frames[(attempts % 64) as usize];
            attempts += 1;
            if let Ok(socket) = throw(target, &mut rng, frame) {
                thrown += 1;
                if held.len() == HELD {
                    held.pop_front();
                }
                held.push_back(socket);
            }
        }
        thrown as f64 / start.elapsed().as_secs_f64()
    });
    std::thread::sleep(Duration::from_millis(500));
    println!("flowing");
    while line() != "stop" {}
    stop.store(true, Ordering::Relaxed);
    println!("{:.0}", flood.join().unwrap());
}
