//! Any bytes, split anywhere: the decoder consumes all it can, and delivers the same frames as from one piece.
#![no_main]

use bytes::{BufMut, BytesMut};
use libfuzzer_sys::fuzz_target;
use selfsync_codec::{Config, Decoder, max_encoded_len};

const MAX_BODY_BYTES: usize = 1024;

fuzz_target!(|data: &[u8]| {
    let Some((&piece_len, stream)) = data.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    let in_pieces = frames(stream, usize::from(piece_len).max(1));
    assert_eq!(whole, in_pieces);
});

fn frames(stream: &[u8], piece_len: usize) -> Vec<BytesMut> {
    let config = Config::line(MAX_BODY_BYTES);
    let mut decoder = Decoder::new(config);
    let mut frames = Vec::new();
    let mut input = BytesMut::new();
    for piece in stream.chunks(piece_len) {
        input.put_slice(piece);
        loop {
            match decoder.next_frame(&mut input) {
                Ok(Some(frame)) => {
                    assert!(frame.len() <= config.max_body_bytes);
                    frames.push(frame);
                }
                Ok(None) => break,
                Err(_) => {}
            }
        }
        assert!(input.len() <= max_encoded_len(config.max_body_bytes + 4), "it waits for more than a frame");
    }
    assert_eq!(decoder.counters().frames, frames.len() as u64);
    frames
}
