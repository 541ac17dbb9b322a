//! Any body: no marker inside its frame, the same frame in place, and the same body out of it.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use selfsync_codec::{
    Config, Decoder, Encoder, HEADROOM, MARKER, MAX_BODY_IN_PLACE, Scan, TAILROOM, Trailer, max_encoded_len,
};

/// Enough for a first and a later run of full length and a third one.
const MAX_BODY_BYTES: usize = 66_000;

fuzz_target!(|data: &[u8]| {
    let Some((choice, recipe)) = data.split_first() else { return };
    let body = body(recipe);
    let trailer = if choice & 1 == 0 { Trailer::None } else { Trailer::Crc32c };
    let encoder = Encoder::new(trailer);
    let mut frame = BytesMut::new();
    encoder.encode(&body, &mut frame);

    let stuffed_len = body.len() + if trailer == Trailer::None { 0 } else { 4 };
    assert!(frame.len() <= max_encoded_len(stuffed_len));
    let markers = frame.windows(2).enumerate().filter(|(_, two)| *two == MARKER).map(|(at, _)| at);
    assert!(markers.eq([0, frame.len() - 2]), "markers stand at both ends only");

    let mut buffer = vec![MARKER[0]; HEADROOM + body.len() + TAILROOM];
    buffer[HEADROOM..][..body.len()].copy_from_slice(&body);
    match encoder.encode_in_place(&mut buffer, HEADROOM..HEADROOM + body.len()) {
        Ok(in_place) => assert!(buffer[in_place] == frame),
        Err(_) => assert!(stuffed_len > MAX_BODY_IN_PLACE),
    }

    let mut config = Config::line(MAX_BODY_BYTES);
    config.trailer = trailer;
    config.scan = if choice & 2 == 0 { Scan::Always } else { Scan::AfterDamage };
    let mut decoder = Decoder::new(config);
    assert!(decoder.next_frame(&mut frame).ok().flatten().is_some_and(|decoded| decoded == body));
});

/// A body of pairs of bytes, each repeated: short recipes make bodies of several runs.
fn body(recipe: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for &[first, second, low, high] in recipe.as_chunks().0 {
        let room = MAX_BODY_BYTES - body.len();
        let len = usize::from(u16::from_le_bytes([low, high])).min(room);
        body.extend([first, second].into_iter().cycle().take(len));
    }
    body
}
