//! Any bytes: a header decodes in its one encoding and lies inside its grid, or is refused.
#![no_main]

use chunk_proto::{ChunkHeader, MAX_CHUNK_BYTES, MAX_HEADER_BYTES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok((header, used)) = ChunkHeader::decode(data) else { return };
    let mut encoded = Vec::new();
    header.encode(&mut encoded);
    assert_eq!(encoded, data[..used], "another encoding of the same header");
    assert_eq!(header.encoded_len(), used);
    assert!(used <= MAX_HEADER_BYTES);
    for cut in 0..used {
        assert!(ChunkHeader::decode(&data[..cut]).is_err(), "a part of it is a header, too");
    }
    let outline = header.outline();
    assert!(header.index() < outline.chunks() && outline.chunk_bytes() <= MAX_CHUNK_BYTES);
    let range = outline.range(header.index()).expect("the chunk lies on the grid");
    assert_eq!(range.start, header.offset());
    assert_eq!(range.end - range.start, header.covered_bytes() as u64);
    assert!(range.end <= outline.total_bytes());
    assert_eq!(range.end == outline.total_bytes(), header.index() + 1 == outline.chunks());
});
