//! Statements of any bytes: refused, or written again as they were; and merging them twice is merging them once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use membership::{Directory, MAX_STATEMENT_BYTES, Merged, Statement, TicketTerms};

fuzz_target!(|input: &[u8]| {
    if let Ok(statement) = Statement::from_bytes(input) {
        assert!(input.len() <= MAX_STATEMENT_BYTES);
        assert_eq!(statement.to_bytes(), input);
        let mut directory = Directory::new();
        assert_eq!(directory.merge(statement.clone()), Ok(Merged::News { replaced: None }));
        assert_eq!(directory.merge(statement.clone()), Ok(Merged::Known));
        assert_eq!(directory.len(), 1);
        assert!(directory.statements().eq([statement]));
    }
    if let Ok(terms) = TicketTerms::from_bytes(input) {
        assert_eq!(&terms.dangerous_bytes().expect("it was read")[..], input);
    }
});
