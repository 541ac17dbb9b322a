//! Headers that are not what they have to be.

use super::*;

#[test]
fn each_field_of_the_first_header_counts_by_itself() {
    for suite in [Suite::X3dhHybrid, Suite::X3dh] {
        let mut packet = vec![0; first_bytes(suite)];
        packet[..HEADER_BYTES].copy_from_slice(&header(Kind::First, suite, Tag(7)));
        assert_eq!(read_first(&packet).ok(), Some((suite, Tag(7))));
        // Kind, version and suite; the tag is anybody's choice.
        for at in 0..4 {
            let mut other = packet.clone();
            other[at] ^= 0x80;
            assert!(read_first(&other).is_err(), "{suite:?}, byte {at}");
        }
        assert!(read_first(&packet[1..]).is_err() && read_first(&[]).is_err());
        packet.push(0);
        assert!(read_first(&packet).is_err());
    }
}
