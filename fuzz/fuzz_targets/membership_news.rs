//! News of any bytes: refused, or written again as they were, within bounds; and what a stranger says is not welcome.
#![no_main]

use libfuzzer_sys::fuzz_target;
use membership::{
    Directory, IdentityKey, MAX_NEWS_BYTES, MAX_NEWS_NAMES, News, Policy, Settled, UnixSeconds, is_welcome,
};

fuzz_target!(|input: &[u8]| {
    let Ok(news) = News::from_bytes(input) else { return };
    assert!(input.len() <= MAX_NEWS_BYTES);
    assert_eq!(news.to_bytes(), input);
    match news {
        News::Have(names) | News::Want(names) => assert!(names.len() <= MAX_NEWS_NAMES),
        News::Statements(statements) => {
            let nobody = Settled::new(&Directory::new(), &Policy::of(IdentityKey([1; 32])), UnixSeconds::MAX);
            for statement in &statements {
                assert!(!is_welcome(statement, &nobody));
            }
        }
    }
});
