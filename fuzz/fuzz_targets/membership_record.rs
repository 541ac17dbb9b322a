//! Records and credentials of any bytes, and files of keys: refused, or written again as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use membership::{Credential, DeviceKey, Identity, RECORD_BYTES, Record, StaticKey};

fuzz_target!(|input: &[u8]| {
    if let Some(bytes) = input.first_chunk::<RECORD_BYTES>() {
        if let Ok(record) = Record::from_bytes(bytes) {
            assert_eq!(record.to_bytes(), *bytes);
            let again = Record::from_credential(record.static_key(), &record.to_credential());
            assert_eq!(again.as_ref(), Ok(&record));
        }
        let mut credential = [0; 120];
        credential.copy_from_slice(&bytes[32..]);
        let _ = Record::from_credential(StaticKey([9; 32]), &Credential(credential));
    }
    if let Ok(identity) = Identity::from_file_bytes(input) {
        assert_eq!(&identity.dangerous_file_bytes()[..], input);
    }
    if let Ok(device) = DeviceKey::from_file_bytes(input) {
        assert_eq!(&device.dangerous_file_bytes()[..], input);
    }
});
