//! A short message overtakes a long one of another stream: `cargo run -p link --example overtaking`.

use std::error::Error;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use chunk_proto::{Deflater, NodeBudget};
use link::{BufferPool, Event, Limits, PeerLimits, Priority, Rx, StreamName, StreamOptions, Tx};
use secure_channel::{
    Association, Opener, PathNumber, Rekey, Role, Sealer, SessionSecrets, Suite, Tag, TrafficAead, split,
};

/// One end of a session. A handshake would have left the secrets; here they are fixed.
fn end(role: Role, local: u32, remote: u32) -> Result<(Sealer, Opener, Rekey), secure_channel::Error> {
    let association = Association {
        secrets: SessionSecrets::dangerous_from_bytes(&[7; 128]),
        role,
        suite: Suite::X3dhHybrid,
        aead: TrafficAead::Aes256Gcm,
        local_tag: Tag(local),
        remote_tag: Tag(remote),
    };
    split(association, secure_channel::Limits::default())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (sealer, _, _) = end(Role::Initiator, 1, 2)?;
    let (_, opener, rekey) = end(Role::Responder, 2, 1)?;
    let limits = Limits::default();
    let granted = PeerLimits {
        session_window_bytes: limits.session_window_bytes,
        stream_window_bytes: limits.stream_window_bytes,
    };
    let now = Instant::now();
    let mut rng = rand::rng();
    let mut tx = Tx::new(sealer, PathNumber(0), limits, granted, true, BufferPool::default());
    let mut rx = Rx::new(now, opener, rekey, limits, NodeBudget::new(256 << 20));

    let name = |text| StreamName::new(text).ok_or("not a name");
    let file = tx.open_stream(&name("file")?, StreamOptions::default().with_priority(Priority::Bulk))?;
    let chat = tx.open_stream(&name("chat")?, StreamOptions::default())?;
    tx.enqueue(file, Bytes::from(vec![0; 1_000_000]), false)?;

    let mut deflater = Deflater::default();
    for packet in 0.. {
        if packet == 3 {
            tx.try_send(chat, &Bytes::from_static(b"excuse me"), false)?;
        }
        let Some(job) = tx.poll_transmit() else { break };
        let sealed = job.seal(&mut deflater)?;
        let bytes = sealed.buffer.as_slice().get(sealed.range).unwrap_or_default();
        rx.handle_packet(now, &mut rng, BytesMut::from(bytes))?;
        while let Some(event) = rx.poll_event() {
            match event {
                Event::Opened { name, .. } => println!("packet {packet}: stream {name} is open"),
                Event::Started { total_bytes, .. } => println!("packet {packet}: {total_bytes} bytes begin"),
                Event::Piece { bytes, .. } => println!("packet {packet}: {} bytes of them", bytes.len()),
                Event::Finished { .. } => println!("packet {packet}: they are complete"),
                Event::Messages { batch, .. } => {
                    batch.for_each(|message| println!("packet {packet}: {message:?}"))
                }
                _ => {}
            }
        }
    }
    Ok(())
}
