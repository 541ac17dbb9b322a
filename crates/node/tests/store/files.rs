//! Files: who may read them, who has them open, what stands in which.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use membership::{Door, NetAddress, StaticKey, UnixSeconds};
use node::store::{Batch, KeptDoor, KeptDoors, Medium, StorageBackend, Store, StoreError, Table};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn the_files_are_private_from_the_start() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("store");
    let store = Store::open(&folder).unwrap();
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    drop(store);
    drop(Store::open(&folder).unwrap());
    assert_eq!(mode(&folder.join("person.redb")), 0o600);
}

#[test]
fn what_others_may_open_is_refused() {
    let root = tempfile::tempdir().unwrap();
    drop(Store::open(root.path()).unwrap());
    let set = |name, mode| {
        fs::set_permissions(root.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o640, 0o604, 0o620, 0o601, 0o777] {
        set("person.redb", mode);
        let error = Store::open(root.path()).unwrap_err();
        assert!(
            matches!(&error, StoreError::Exposed { path, mode: found }
            if path.ends_with("person.redb") && *found == mode),
            "{error:?}"
        );
        assert!(!error.is_retryable());
    }
    set("person.redb", 0o600);
    // There is no secret in the machine's database; but nobody else may change it.
    set("machine.redb", 0o644);
    drop(Store::open(root.path()).unwrap());
    set("machine.redb", 0o664);
    assert!(matches!(Store::open(root.path()), Err(StoreError::Exposed { mode: 0o664, .. })));
}

#[test]
fn a_link_is_not_followed_and_a_folder_is_no_file() {
    let root = tempfile::tempdir().unwrap();
    let elsewhere = root.path().join("elsewhere");
    fs::write(&elsewhere, b"untouched").unwrap();
    let folder = root.path().join("store");
    drop(Store::open(&folder).unwrap());
    let person = folder.join("person.redb");
    fs::remove_file(&person).unwrap();
    symlink(&elsewhere, &person).unwrap();
    assert!(Store::open(&folder).is_err());
    assert_eq!(fs::read(&elsewhere).unwrap(), b"untouched");
    fs::remove_file(&person).unwrap();
    fs::create_dir(&person).unwrap();
    assert!(Store::open(&folder).is_err());
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    drop(Store::open(root.path()).unwrap());
    let person = root.path().join("person.redb");
    for contents in [vec![7; 10_000], [vec![0; 5_000], b"diary".to_vec()].concat()] {
        fs::write(&person, &contents).unwrap();
        let error = Store::open(root.path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
        assert_eq!(fs::read(&person).unwrap(), contents);
    }
}

#[test]
fn a_damaged_file_is_told_and_not_read_wrong() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    for number in 0..100_u8 {
        let mut batch = Batch::new();
        batch.put_ticket(&[number; 16], &[number; 500]);
        store.commit_blocking(batch).unwrap();
    }
    drop(store);
    let person = root.path().join("person.redb");
    let whole = fs::read(&person).unwrap();
    let mut refused = 0;
    // In the middle of each page.
    for at in (2_000..whole.len()).step_by(4096) {
        let mut damaged = whole.clone();
        damaged[at..at + 16].iter_mut().for_each(|byte| *byte ^= 0x55);
        fs::write(&person, &damaged).unwrap();
        match Store::open(root.path()) {
            Err(StoreError::Damaged(_)) => refused += 1,
            Err(error) => panic!("{error:?}"),
            // That page held nothing.
            Ok(store) => assert_eq!(store.snapshot().tickets().unwrap().map(Result::unwrap).count(), 100),
        }
    }
    assert!(refused > 5, "{refused}");
}

#[test]
fn one_store_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let clone = store.clone();
    assert!(matches!(Store::open(root.path()), Err(StoreError::InUse)));
    drop(store);
    assert!(matches!(Store::open(root.path()), Err(StoreError::InUse)), "there is another clone");
    let snapshot = clone.snapshot();
    drop(clone);
    let again = Store::open(root.path()).unwrap();
    assert!(matches!(snapshot.get(Table::Seen, b"key"), Err(StoreError::Interrupted) | Ok(None)));
    drop(again);
}

#[tokio::test]
async fn dropping_the_last_handle_writes_what_was_handed_over() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    for number in 0..50_u8 {
        let mut batch = Batch::new();
        batch.put_ticket(&[number; 16], b"opaque");
        let commit = store.commit(batch);
        let mut commit = std::pin::pin!(commit);
        // Handed over, and not waited for.
        std::future::poll_fn(|context| {
            let _ = commit.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
    }
    drop(store);
    let store = Store::open(root.path()).unwrap();
    assert_eq!(store.snapshot().tickets().unwrap().count(), 50);
}

#[tokio::test]
async fn the_blocking_form_works_inside_a_runtime() {
    let store = Store::in_memory().unwrap();
    let mut batch = Batch::new();
    batch.put_ticket(&[1; 16], b"opaque");
    store.commit_blocking(batch).unwrap();
    assert!(store.snapshot().ticket(&[1; 16]).unwrap().is_some());
}

#[test]
fn no_secret_stands_in_the_file_of_the_machine_or_in_what_is_shown() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let door = Door::from_bytes(*b"the secret of this door, 32 byte");
    let date = UnixSeconds::new(1).unwrap();
    let mut batch = Batch::new();
    let doors = KeptDoors { current: KeptDoor { door, date }, previous: Vec::new() };
    batch.put_doors(&doors).put_ticket(&[3; 16], b"the secret of a ticket");
    assert!(!format!("{batch:?} {doors:?}").contains("secret"));
    store.commit_blocking(batch).unwrap();
    let mut batch = Batch::new();
    batch.put_addresses(&StaticKey([7; 32]), &[NetAddress::new("10.0.0.1:4433").unwrap()]);
    store.commit_blocking(batch).unwrap();
    let shown = format!("{store:?} {:?}", store.snapshot());
    assert!(!shown.contains("secret"));
    drop(store);
    let holds = |name: &str, needle: &[u8]| {
        fs::read(root.path().join(name)).unwrap().windows(needle.len()).any(|window| window == needle)
    };
    assert!(holds("person.redb", b"the secret of"));
    assert!(!holds("machine.redb", b"the secret of"));
    assert!(holds("machine.redb", b"10.0.0.1:4433"));
}

#[test]
fn misuse_is_told() {
    let store = Store::in_memory().unwrap();
    let mut mixed = Batch::new();
    mixed.put(Table::Addresses, b"key", b"value").put(Table::Seen, b"key", b"value");
    assert!(matches!(store.commit_blocking(mixed), Err(StoreError::Mixed)));
    let mut large = Batch::new();
    large.put(Table::Seen, b"key", &vec![0; node::store::MAX_BATCH_BYTES]);
    assert!(matches!(store.commit_blocking(large), Err(StoreError::TooLarge { .. })));
    assert!(store.snapshot().get(Table::Seen, b"key").unwrap().is_none());
    let mut just = Batch::new();
    just.put(Table::Seen, b"key", &vec![0; node::store::MAX_BATCH_BYTES - node::store::OPERATION_BYTES - 3]);
    store.commit_blocking(just).unwrap();
}

#[test]
fn a_medium_that_is_not_there_is_an_error() {
    let none = || Err::<Box<dyn StorageBackend>, _>(StoreError::from(std::io::Error::other("none")));
    assert!(matches!(Store::on(none, none), Err(StoreError::Failed { .. })));
    fn is_medium(_: impl Medium) {}
    is_medium(none);
}
