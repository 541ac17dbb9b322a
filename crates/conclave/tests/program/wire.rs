//! A slow wire, so that there is time to pull the plug in the middle of a small file.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// At most this much passes in [`PAUSE`]: about 8 MB/s.
const PIECE_BYTES: usize = 16 * 1024;
const PAUSE: Duration = Duration::from_millis(2);

/// A port that leads, slowly, to another one.
pub(crate) struct SlowWire {
    pub(crate) address: String,
    target: Arc<Mutex<Option<SocketAddr>>>,
}

impl SlowWire {
    pub(crate) fn new() -> SlowWire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = Arc::new(Mutex::new(None));
        let leads_to = Arc::clone(&target);
        std::thread::spawn(move || {
            for dialer in listener.incoming().map_while(Result::ok) {
                let Some(target) = *leads_to.lock().unwrap() else { continue };
                let Ok(answerer) = TcpStream::connect(target) else { continue };
                for (from, to) in [(&dialer, &answerer), (&answerer, &dialer)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || carry(from, to));
                }
            }
        });
        SlowWire { address, target }
    }

    pub(crate) fn lead_to(&self, address: &str) {
        *self.target.lock().unwrap() = Some(address.parse().unwrap());
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}
