//! Keys of agents.

use x3dh_handshake::mychips::{AgentSecret, Token, static_key_of};
use x3dh_handshake::{Error, IdentityKey};

use crate::{oracle, pair::agent};

fn hex32(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn the_example_of_the_specification() {
    let seed = hex32("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let agent = AgentSecret::from_seed(&seed).unwrap();
    assert_eq!(agent.id().0, hex32("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
    let public = hex32("d85e07ec22b0ad881537c2f44d662d1a143cf830c57aca4305d85c7a90f6b62e");
    assert_eq!(agent.static_key().0, public);
    assert_eq!(static_key_of(&agent.id()).unwrap().0, public);
}

#[test]
fn an_id_and_its_secret_give_the_same_key() {
    for number in 0..32 {
        let agent = agent(number);
        assert_eq!(static_key_of(&agent.id()).unwrap(), agent.static_key());
        assert_eq!(agent.id().0, oracle::mychips::agent_id(&[number; 32]));
    }
}

/// Zero, the other point of order two, those of orders four and eight, one that is not canonical, one that is on no
/// curve, and a good one to which a point of small order was added.
#[test]
fn ids_that_are_no_usable_points_are_refused() {
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    minus_one[31] = 0x7f;
    let mut not_canonical = [0xff; 32];
    not_canonical[0] = 0xee;
    not_canonical[31] = 0x7f;
    let mut off_the_curve = [0; 32];
    off_the_curve[0] = 2;
    let order_eight = hex32("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
    let good = curve25519_dalek::edwards::CompressedEdwardsY(agent(1).id().0).decompress().unwrap();
    let small = curve25519_dalek::edwards::CompressedEdwardsY(order_eight).decompress().unwrap();
    let mixed = (good + small).compress().to_bytes();
    for id in [one, minus_one, [0; 32], not_canonical, off_the_curve, order_eight, mixed] {
        assert_eq!(static_key_of(&IdentityKey(id)), Err(Error::UnusableAgentId), "{}", hex::encode(id));
    }
}

#[test]
fn secrets_do_not_show() {
    let shown = format!("{:?} {:?}", agent(1), Token::new(&[0xab; 16]).unwrap());
    assert!(!shown.contains("ab, ab") && !shown.contains("abab") && shown.contains("Token(..)"), "{shown}");
}

#[test]
fn tokens_are_neither_short_nor_long() {
    assert_eq!(Token::new(&[0; 15]), Err(Error::TokenTooShort { minimum: 16 }));
    assert!(Token::new(&[0; 16]).is_ok() && Token::new(&[0; 64]).is_ok());
    assert_eq!(Token::new(&[0; 65]), Err(Error::TooLong { what: "a token", limit: 64 }));
}

#[test]
fn tokens_are_equal_by_every_byte() {
    let token = |bytes: &[u8]| Token::new(bytes).unwrap();
    assert_eq!(token(&[7; 32]), token(&[7; 32]));
    assert_ne!(token(&[7; 32]), token(&[7; 33]));
    for at in 0..32 {
        let mut other = [7; 32];
        other[at] ^= 1;
        assert_ne!(token(&[7; 32]), token(&other));
    }
}
