//! Frames over a noisy serial line: readings go in at one end, bytes get lost on the way, and what comes out at the
//! other end is whole.
//!
//! ```sh
//! cargo run -p selfsync-codec --example noisy_line
//! ```

use bytes::BytesMut;
use selfsync_codec::{Config, Decoder, Encoder, Trailer};

/// The longest reading that either end accepts, in bytes.
const MAX_READING_BYTES: usize = 64;

/// What a read from the line returns at most, in bytes.
const READ_BYTES: usize = 11;

fn main() {
    let sensor = Encoder::new(Trailer::Crc32c);
    let mut sent = BytesMut::new();
    for number in 0..100 {
        let reading = format!("reading {number}: {} mK", 293_000 + number * 7 % 50);
        sensor.encode(reading.as_bytes(), &mut sent);
    }

    let mut line = NoisyLine { noise: 42 };
    let received = line.carry(&sent);

    let mut logger = Decoder::new(Config::line(MAX_READING_BYTES));
    let mut input = BytesMut::new();
    for read in received.chunks(READ_BYTES) {
        input.extend_from_slice(read);
        loop {
            match logger.next_frame(&mut input) {
                Ok(Some(reading)) => println!("{}", String::from_utf8_lossy(&reading)),
                Ok(None) => break,
                Err(damage) => println!("    -- {damage}"),
            }
        }
    }

    let counters = logger.counters();
    println!(
        "\n100 readings sent; {} came through, {} bytes were skipped in {} places",
        counters.frames, counters.skipped_bytes, counters.resynchronizations
    );
}

/// Changes, loses or adds about one byte in two hundred.
struct NoisyLine {
    noise: u32,
}

impl NoisyLine {
    fn carry(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut carried = Vec::new();
        for &byte in bytes {
            match self.roll(600) {
                0 => carried.push(byte ^ 0x10),
                1 => {}
                2 => carried.extend([byte, 0xFE]),
                _ => carried.push(byte),
            }
        }
        carried
    }

    /// A xorshift generator: the same noise in every run.
    fn roll(&mut self, sides: u32) -> u32 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 17;
        self.noise ^= self.noise << 5;
        self.noise % sides
    }
}
