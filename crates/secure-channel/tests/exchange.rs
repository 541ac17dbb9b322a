//! Two ends that share the secrets of a handshake.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use secure_channel::Error;
use support::{BOTH_AEADS, PATH, Setup, open, seal};

#[test]
fn both_directions_open_in_any_order() {
    for aead in BOTH_AEADS {
        let (mut here, mut there) = Setup::with(aead).pair();
        for (sealer, opener) in [(&mut here.sealer, &mut there.opener), (&mut there.sealer, &mut here.opener)]
        {
            let packets: Vec<_> =
                (0..9_u8).map(|n| seal(sealer, PATH, &[n; 24], &[n; 1000]).unwrap()).collect();
            for (n, packet) in (0..9_u8).zip(&packets).rev() {
                let (plaintext, _) = open(opener, packet).unwrap();
                assert_eq!(plaintext, [n; 1024]);
                assert_eq!(open(opener, packet).unwrap_err(), Error::Replayed);
            }
        }
    }
}

#[test]
fn a_packet_reflected_to_its_sender_never_opens() {
    for aead in BOTH_AEADS {
        let (mut here, _) = Setup::with(aead).pair();
        let packet = here.seal(b"hello");
        assert_eq!(here.open(&packet).unwrap_err(), Error::Unauthentic);
        assert!(!here.opener.confirmed());
    }
}
