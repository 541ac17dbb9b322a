//! An identity under a passphrase, on paper, and its key as text.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use bech32::{Bech32m, Hrp};
use membership::{
    Error, Identity, KEY_PREFIX, KeyText, MAX_PASSPHRASE_BYTES, PassphraseCost, RECOVERY_WORDS,
    SEALED_IDENTITY_BYTES,
};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

/// As little as Argon2id takes.
const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 8, passes: 1, lanes: 1 };

fn identity(seed: u64) -> Identity {
    Identity::generate(&mut StdRng::seed_from_u64(seed))
}

fn sealed(passphrase: &str) -> [u8; SEALED_IDENTITY_BYTES] {
    identity(1).dangerous_sealed_bytes(passphrase, CHEAP, &mut StdRng::seed_from_u64(2)).unwrap()
}

fn refused(bytes: &[u8], passphrase: &str) -> Error {
    Identity::open_sealed(bytes, passphrase).unwrap_err()
}

#[test]
fn the_passphrase_opens_and_no_other_does() {
    let bytes = sealed("correct horse");
    let opened = Identity::open_sealed(&bytes, "correct horse").unwrap();
    assert_eq!(opened.dangerous_file_bytes(), identity(1).dangerous_file_bytes());
    for other in ["correct hors", "correct horse ", "Correct horse", "x"] {
        assert_eq!(refused(&bytes, other), Error::Sealed);
    }
    assert!(Identity::is_sealed(&bytes) && !Identity::is_sealed(&identity(1).dangerous_file_bytes()[..]));
    assert_eq!(Identity::sealed_key(&bytes).unwrap(), identity(1).key());
    let secret = &identity(1).dangerous_file_bytes()[2..34];
    assert!(!bytes.windows(8).any(|part| secret.windows(8).any(|of| of == part)));
}

#[test]
fn damage_looks_like_a_wrong_passphrase() {
    let bytes = sealed("pass");
    // The version, the kind and the cost are looked at before.
    for place in 14..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes;
            changed[place] ^= 1 << bit;
            assert_eq!(refused(&changed, "pass"), Error::Sealed, "byte {place}, bit {bit}");
        }
    }
    for length in 0..bytes.len() {
        assert!(matches!(refused(&bytes[..length], "pass"), Error::Malformed { .. }));
    }
    assert!(matches!(refused(&[&bytes[..], &[0]].concat(), "pass"), Error::Malformed { .. }));
    let with = |place: usize, byte: u8| {
        let mut changed = bytes;
        changed[place] = byte;
        refused(&changed, "pass")
    };
    assert_eq!(with(0, 2), Error::Version { found: 2 });
    assert!(matches!(with(1, b'I'), Error::Malformed { .. }));
    assert_eq!(with(2, 9), Error::Sealed, "another cost makes another key");
    assert_eq!(with(6, 2), Error::Sealed);
    assert!(Identity::from_file_bytes(&bytes).is_err());
}

/// A file from elsewhere says what it costs to open it: it is refused before a byte of that is taken.
#[test]
fn a_file_does_not_eat_the_memory() {
    let bytes = sealed("pass");
    let asking = |memory_kib: u32, passes: u32, lanes: u32| {
        let mut changed = bytes;
        for (place, number) in [(2, memory_kib), (6, passes), (10, lanes)] {
            changed[place..place + 4].copy_from_slice(&number.to_le_bytes());
        }
        refused(&changed, "pass")
    };
    let most = PassphraseCost::MAX;
    for refusal in [
        asking(u32::MAX, 1, 1),
        asking(most.memory_kib + 1, 1, 1),
        asking(8, most.passes + 1, 1),
        asking(8, u32::MAX, 1),
        asking(1_000, 1, most.lanes + 1),
    ] {
        assert!(matches!(refusal, Error::TooLarge { .. }), "{refusal}");
    }
    for refusal in [asking(0, 1, 1), asking(8, 0, 1), asking(8, 1, 0), asking(8, 1, 2)] {
        assert!(matches!(refusal, Error::Malformed { .. }), "{refusal}");
    }
    let cost = PassphraseCost { memory_kib: most.memory_kib + 1, ..CHEAP };
    let mut rng = StdRng::seed_from_u64(2);
    assert!(identity(1).dangerous_sealed_bytes("pass", cost, &mut rng).is_err(), "nor is it written");
}

#[test]
fn a_passphrase_is_neither_empty_nor_a_book() {
    let mut rng = StdRng::seed_from_u64(2);
    let mut seal = |passphrase: &str| identity(1).dangerous_sealed_bytes(passphrase, CHEAP, &mut rng);
    assert!(matches!(seal("").unwrap_err(), Error::Malformed { .. }));
    assert!(seal(&"ü".repeat(MAX_PASSPHRASE_BYTES / 2)).is_ok());
    assert!(matches!(seal(&"p".repeat(MAX_PASSPHRASE_BYTES + 1)).unwrap_err(), Error::TooLarge { .. }));
    assert!(matches!(refused(&sealed("pass"), ""), Error::Malformed { .. }));
}

#[test]
fn each_file_has_a_salt_of_its_own_and_the_default_cost_opens() {
    let mut rng = StdRng::seed_from_u64(3);
    let mut seal = || identity(1).dangerous_sealed_bytes("pass", PassphraseCost::DEFAULT, &mut rng).unwrap();
    let (one, other) = (seal(), seal());
    assert_ne!(one[14..30], other[14..30]);
    assert_ne!(one[62..], other[62..]);
    assert_eq!(Identity::open_sealed(&other, "pass").unwrap().key(), identity(1).key());
}

/// Secrets and their words from the test vectors of BIP 39.
#[test]
fn words_are_those_of_the_standard() {
    let repeated = |head: &str, times: usize, tail: &str| [&head.repeat(times), tail].concat();
    let vectors = [
        (0x00, repeated("abandon ", 23, "art")),
        (
            0x7f,
            repeated(
                "legal winner thank year wave sausage worth useful ",
                2,
                "legal winner thank year wave sausage worth title",
            ),
        ),
        (
            0x80,
            repeated(
                "letter advice cage absurd amount doctor acoustic avoid ",
                2,
                "letter advice cage absurd amount doctor acoustic bless",
            ),
        ),
        (0xff, repeated("zoo ", 23, "vote")),
    ];
    for (byte, words) in vectors {
        let identity = Identity::from_words(&words).unwrap();
        assert_eq!(identity.dangerous_file_bytes()[2..34], [byte; 32]);
        assert_eq!(*identity.to_words().unwrap(), words);
    }
}

#[test]
fn what_is_wrong_with_words_is_told_and_not_which_they_are() {
    let words = identity(1).to_words().unwrap();
    let list: Vec<&str> = words.split(' ').collect();
    assert_eq!(list.len(), RECOVERY_WORDS);
    let read = |list: &[&str]| Identity::from_words(&list.join(" "));
    assert_eq!(Identity::from_words(&list.join("\n\t ").to_uppercase()).unwrap().key(), identity(1).key());
    assert_eq!(read(&list[1..]).unwrap_err(), Error::WordCount { found: 23 });
    assert_eq!(read(&[&list[..], &["zoo"]].concat()).unwrap_err(), Error::WordCount { found: 25 });
    assert_eq!(Identity::from_words("").unwrap_err(), Error::WordCount { found: 0 });
    for place in [1, 12, 24] {
        let mut wrong = list.clone();
        wrong[place - 1] = "zebraa";
        let error = read(&wrong).unwrap_err();
        assert_eq!(error, Error::UnknownWord { place });
        assert!(!error.to_string().contains("zebraa"));
    }
    let mut exchanged = list.clone();
    let other = exchanged.iter().position(|word| *word != exchanged[0]).unwrap();
    exchanged.swap(0, other);
    assert_eq!(read(&exchanged).unwrap_err(), Error::WordsChecksum);
    let shorter = "abandon ".repeat(11) + "about";
    assert_eq!(Identity::from_words(&shorter).unwrap_err(), Error::WordCount { found: 12 });
    assert!(matches!(Identity::from_words(&"zoo ".repeat(9_999)).unwrap_err(), Error::TooLarge { .. }));
}

#[test]
fn a_key_has_one_text() {
    let text = KeyText(identity(1).key()).to_string();
    assert!(text.starts_with("member1") && text.len() < 90);
    for form in [text.clone(), text.to_uppercase()] {
        assert_eq!(form.parse::<KeyText>().unwrap().0, identity(1).key());
    }
    assert_eq!(text.replacen('q', "p", 1).parse::<KeyText>().unwrap_err(), Error::Checksum);
    assert!(format!("{text} ").parse::<KeyText>().is_err());
    let with = |prefix: &str, bytes: &[u8]| {
        let text = bech32::encode::<Bech32m>(Hrp::parse(prefix).unwrap(), bytes).unwrap();
        text.parse::<KeyText>().map(|_| ()).unwrap_err()
    };
    let whole = [&[1][..], &identity(1).key().0].concat();
    assert!(matches!(with("conclave", &whole), Error::Malformed { .. }));
    assert!(matches!(with(KEY_PREFIX, &whole[..32]), Error::Malformed { .. }));
    assert!(matches!(with(KEY_PREFIX, &[&whole[..], &[0]].concat()), Error::Malformed { .. }));
    assert_eq!(with(KEY_PREFIX, &[&[2][..], &whole[1..]].concat()), Error::Version { found: 2 });
    for weak in [[0; 32], core::array::from_fn(|n| u8::from(n == 0)), [0xff; 32]] {
        let bytes = [&[1][..], &weak].concat();
        assert!(matches!(with(KEY_PREFIX, &bytes), Error::Malformed { .. }), "a key that cannot sign");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn identities_come_back(seed in any::<u64>(), passphrase in "\\PC{1,40}") {
        let identity = identity(seed);
        let mut rng = StdRng::seed_from_u64(seed);
        let sealed = identity.dangerous_sealed_bytes(&passphrase, CHEAP, &mut rng).unwrap();
        prop_assert_eq!(Identity::open_sealed(&sealed, &passphrase).unwrap().key(), identity.key());
        prop_assert_eq!(Identity::from_words(&identity.to_words().unwrap()).unwrap().key(), identity.key());
        prop_assert_eq!(KeyText(identity.key()).to_string().parse::<KeyText>().unwrap().0, identity.key());
    }
}
