//! The adapters for `tokio_util::codec`.

use bytes::{Bytes, BytesMut};
use selfsync_codec::{Cause, FrameCodec, FrameError};
use tokio_util::codec::{Decoder, Encoder};

#[test]
fn a_line_skips_damage_and_a_reliable_path_fails() {
    let mut wire = BytesMut::new();
    let mut line = FrameCodec::line(100);
    line.encode(Bytes::from_static(b"one"), &mut wire).unwrap();
    wire.extend_from_slice(b"noise");
    line.encode(Bytes::from_static(b"two"), &mut wire).unwrap();
    wire.extend_from_slice(b"\xFE\xFD\x01\x05cut");

    let mut reliable = FrameCodec::reliable(100);
    let mut same = wire.clone();
    assert!(reliable.decode(&mut same).unwrap().is_some());
    let Err(FrameError::Damage(damage)) = reliable.decode(&mut same) else { panic!("damage passed") };
    assert_eq!(damage.cause, Cause::NoMarker);

    assert_eq!(line.decode(&mut wire).unwrap().unwrap(), "one");
    assert_eq!(line.decode(&mut wire).unwrap().unwrap(), "two");
    assert_eq!(line.decode(&mut wire).unwrap(), None);
    assert_eq!(line.decode_eof(&mut wire).unwrap(), None);
    assert!(wire.is_empty());
    assert_eq!(line.counters().resynchronizations, 2);
}

#[test]
fn what_the_far_side_would_refuse_is_not_sent() {
    let mut wire = BytesMut::new();
    let refused = FrameCodec::line(3).encode(Bytes::from_static(b"four"), &mut wire);
    assert!(matches!(refused, Err(FrameError::TooLong { bytes: 4, max_body_bytes: 3 })));
    assert!(wire.is_empty());
    FrameCodec::line(4).encode(Bytes::from_static(b"four"), &mut wire).unwrap();
    assert_eq!(FrameCodec::line(4).decode(&mut wire).unwrap().unwrap(), "four");
}
