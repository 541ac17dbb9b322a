//! The checksum against the published check value, and against every flipped byte.

use super::*;

#[test]
fn matches_the_published_check_value() {
    // The "check" of CRC-32/ISCSI in the catalogue of parametrised CRC algorithms.
    assert_eq!(CRC.checksum(b"123456789"), 0xE306_9283);
    assert_eq!(Trailer::Crc32c.of(b"123456789"), CRC.checksum(b"\x01123456789").to_le_bytes());
    assert_ne!(Trailer::Crc32c.of(b""), [0; 4]);
}

#[test]
fn any_body_with_its_trailer_is_intact_and_no_other() {
    for len in (0_u8..100).step_by(if cfg!(miri) { 13 } else { 1 }) {
        let mut bytes: std::vec::Vec<u8> = (0..len).map(|index| index.wrapping_mul(37) ^ len).collect();
        bytes.extend(Trailer::Crc32c.of(&bytes));
        let (left, right) = bytes.split_at(bytes.len() / 3);
        let mut check = Check::new();
        check.update(left);
        check.update(right);
        assert!(check.finish());
        for at in 0..bytes.len() {
            bytes[at] ^= 0x10;
            let mut check = Check::new();
            check.update(&bytes);
            assert!(!check.finish());
            bytes[at] ^= 0x10;
        }
    }
}

#[test]
fn nothing_shorter_than_a_checksum_is_intact() {
    let is_intact = |bytes: &[u8]| {
        let mut check = Check::new();
        check.update(bytes);
        check.finish()
    };
    assert!(is_intact(&Trailer::Crc32c.of(b"")));
    // Interpreted, all of them would take days.
    for number in (0..1_u32 << 24).step_by(if cfg!(miri) { 65_537 } else { 1 }) {
        let [first, second, third, _] = number.to_le_bytes();
        assert!(!is_intact(&[first, second, third]));
        if third == 0 {
            assert!(!is_intact(&[first, second]) && !is_intact(&[first]) && !is_intact(&[]));
        }
    }
}
