//! What the decoder remembers between calls.

use super::*;
use crate::encode::encode;

/// Longer than a first run; shorter where it is interpreted.
const BODY_BYTES: usize = if cfg!(miri) { 260 } else { 1_000 };

#[test]
fn every_byte_is_looked_at_once() {
    let mut frame = BytesMut::new();
    encode(&[MARKER[0]; BODY_BYTES], &mut frame);
    for config in [Config::line(2000), Config::reliable(2000)] {
        let mut decoder = Decoder::new(config);
        let mut input = BytesMut::new();
        let mut seen_before = 0;
        for &byte in &frame[..frame.len() - 1] {
            input.extend_from_slice(&[byte]);
            assert_eq!(decoder.next_frame(&mut input), Ok(None));
            let Phase::Inside(walk) = decoder.phase else { continue };
            let (seen, last) = match config.scan {
                // All but a byte that may be half a marker.
                Scan::Always => (walk.scanned, walk.scanned + 1),
                // Up to the next length, which is not there yet.
                Scan::AfterDamage => (walk.next, walk.next + 1),
            };
            assert!(last >= input.len(), "{seen} of {} bytes are remembered as seen", input.len());
            assert!(seen >= seen_before);
            seen_before = seen;
        }
        assert!(seen_before > BODY_BYTES);
    }
}
