//! What is swept out of a directory leaves the store, however much it is.

use membership::{Grant, Identity, Scope, UnixSeconds, Voucher};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

/// More than the removals of which one transaction takes.
const STRANGERS: usize = 11;
const SUBJECTS: usize = 4_000;

fn voucher(by: &Identity, subject: IdentityKey) -> Statement {
    let grant = Grant { scope: Scope::default(), depth: 0, expires: UnixSeconds::MAX };
    Statement::Voucher(Voucher::issue(by, subject, 1, grant).unwrap())
}

#[test]
fn a_directory_that_was_swept_is_stored_and_loaded_again() {
    let mut rng = StdRng::seed_from_u64(1);
    let own = Identity::generate(&mut rng);
    let subjects: Vec<_> = (0..SUBJECTS).map(|_| Identity::generate(&mut rng).key()).collect();
    let store = Store::in_memory().unwrap();
    let keep = Keep::in_store(&store, own.key(), Kept::default());
    let mut full = Directory::new();
    for _ in 0..STRANGERS {
        let stranger = Identity::generate(&mut rng);
        for subject in &subjects {
            full.merge(voucher(&stranger, *subject)).unwrap();
        }
        let kept = Kept { directory: Arc::new(full.clone()), ..Kept::default() };
        keep.store(&kept).unwrap();
    }
    assert_eq!(Kept::load(&store, &own.key()).unwrap().directory.len(), STRANGERS * SUBJECTS);

    let mut swept = Directory::new();
    swept.merge_own(voucher(&own, subjects[0])).unwrap();
    let swept = Kept { directory: Arc::new(swept), ..Kept::default() };
    keep.store(&swept).unwrap();
    assert_eq!(Kept::load(&store, &own.key()).unwrap(), swept);
}
