//! Requests and responses of any bytes inside a session: refused, or both ends agree on what came of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};
use x3dh_handshake::{Suite, rekey};

fuzz_target!(|input: &[u8]| {
    for suite in [Suite::X3dhHybrid, Suite::X3dh] {
        let mut rng = StdRng::seed_from_u64(1);
        if let Ok((response, fresh)) = rekey::answer(suite, input, &mut rng) {
            assert_eq!(input.len(), rekey::request_bytes(suite));
            assert_eq!(response.len(), rekey::response_bytes(suite));
            assert_eq!(fresh.dangerous_secret().len(), if suite.has_kem() { 64 } else { 32 });
        }
        let offer = rekey::Offer::new(suite, &mut rng).expect("any bytes are a key");
        if let Ok(fresh) = offer.finish(input) {
            assert_eq!(input.len(), rekey::response_bytes(suite));
            assert_eq!(fresh.dangerous_secret().len(), if suite.has_kem() { 64 } else { 32 });
        }
    }
});
