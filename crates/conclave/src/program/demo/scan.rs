//! Looks for things that must not be on the wire in what was recorded from it.
//!
//! One pass for any number of needles: every eight bytes of the recording are looked up in a table of how the needles
//! begin, behind a bitmap that answers nearly always.

use std::collections::{BTreeMap, HashMap};

/// The shortest needle. Random bytes equal a given one of this length once in 2^64 places.
pub(crate) const MIN_NEEDLE_BYTES: usize = 8;
/// The longest needle, which bounds what is kept of each stream between two pieces.
pub(crate) const MAX_NEEDLE_BYTES: usize = 256;

/// Of a large secret text every stretch of `STRIDE_BYTES + SAMPLE_BYTES` is found.
const STRIDE_BYTES: usize = 1_024;
const SAMPLE_BYTES: usize = 16;

const BITMAP_BITS: u32 = 24;

/// What to look for.
pub(crate) struct Needles {
    bitmap: Vec<u64>,
    by_start: HashMap<u64, Vec<usize>>,
    needles: Vec<(&'static str, Vec<u8>)>,
}

impl Needles {
    pub(crate) fn new() -> Needles {
        Needles { bitmap: vec![0; 1 << (BITMAP_BITS - 6)], by_start: HashMap::new(), needles: Vec::new() }
    }

    /// Adds something to look for, under the name of its kind. Too short or too long a needle is a bug of the caller.
    pub(crate) fn add(&mut self, kind: &'static str, needle: &[u8]) -> Result<(), &'static str> {
        let start = window(needle).ok_or("a needle needs eight bytes")?;
        if needle.len() > MAX_NEEDLE_BYTES {
            return Err("a needle is too long");
        }
        let (word, bit) = slot(start);
        if let Some(word) = self.bitmap.get_mut(word) {
            *word |= bit;
        }
        self.by_start.entry(start).or_default().push(self.needles.len());
        self.needles.push((kind, needle.to_vec()));
        Ok(())
    }

    /// Adds samples of a large text, so dense that any longer stretch of it holds one.
    pub(crate) fn add_text(&mut self, kind: &'static str, text: &[u8]) -> Result<(), &'static str> {
        text.chunks(STRIDE_BYTES)
            .filter_map(|stride| stride.get(..SAMPLE_BYTES))
            .try_for_each(|sample| self.add(kind, sample))
    }

    fn matches<'a>(&'a self, start: u64, rest: &'a [u8]) -> impl Iterator<Item = &'static str> + 'a {
        let (word, bit) = slot(start);
        let possible = self.bitmap.get(word).is_some_and(|word| word & bit != 0);
        let candidates = if possible { self.by_start.get(&start).map(Vec::as_slice) } else { None };
        let needles = candidates.unwrap_or_default().iter().filter_map(|&index| self.needles.get(index));
        needles.filter(|(_, needle)| rest.starts_with(needle)).map(|(kind, _)| *kind)
    }
}

/// One direction of one connection, piece by piece.
#[derive(Default)]
pub(crate) struct Stream {
    /// What came before and could be the start of a needle that goes on in the next piece.
    tail: Vec<u8>,
}

/// How often each kind was found.
pub(crate) type Findings = BTreeMap<&'static str, u64>;

impl Stream {
    /// Looks through the next piece; needles across the border are found too.
    pub(crate) fn scan(&mut self, needles: &Needles, piece: &[u8], findings: &mut Findings) {
        self.tail.extend_from_slice(piece);
        // A needle that starts in the last places may not be whole yet: they stay for the next time.
        let settled = self.tail.len().saturating_sub(MAX_NEEDLE_BYTES - 1);
        self.look(needles, settled, findings);
        self.tail.drain(..settled);
    }

    /// Looks through what was kept back.
    pub(crate) fn finish(mut self, needles: &Needles, findings: &mut Findings) {
        let all = self.tail.len();
        self.look(needles, all, findings);
        self.tail.clear();
    }

    /// Looks at every needle that starts before `end`.
    fn look(&self, needles: &Needles, end: usize, findings: &mut Findings) {
        for (position, start) in self.tail.windows(MIN_NEEDLE_BYTES).take(end).enumerate() {
            let Some(start) = window(start) else { continue };
            for kind in needles.matches(start, self.tail.get(position..).unwrap_or_default()) {
                *findings.entry(kind).or_default() += 1;
            }
        }
    }
}

fn window(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|start| u64::from_le_bytes(*start))
}

/// The place of a start in the bitmap: word and bit.
fn slot(start: u64) -> (usize, u64) {
    // Fibonacci hashing: the upper bits of a product with 2^64 / the golden ratio.
    let hash = start.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITMAP_BITS);
    (usize::try_from(hash >> 6).unwrap_or(0), 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(needles: &Needles, pieces: &[&[u8]]) -> Findings {
        let mut findings = Findings::new();
        let mut stream = Stream::default();
        for piece in pieces {
            stream.scan(needles, piece, &mut findings);
        }
        stream.finish(needles, &mut findings);
        findings
    }

    proptest! {
        #[test]
        fn a_planted_needle_is_found_once_wherever_the_pieces_are_cut(
            needle in prop::collection::vec(any::<u8>(), MIN_NEEDLE_BYTES..=MAX_NEEDLE_BYTES),
            before in 0..600_usize,
            after in 0..600_usize,
            cut in 0..1_500_usize,
        ) {
            let mut needles = Needles::new();
            needles.add("key", &needle).unwrap();
            // A filler that cannot hold the needle.
            let filler = !needle[0];
            let wire = [vec![filler; before], needle, vec![filler; after]].concat();
            let (first, second) = wire.split_at(cut.min(wire.len()));
            prop_assert_eq!(scan(&needles, &[first, second]), Findings::from([("key", 1)]));
        }
    }

    #[test]
    fn any_long_stretch_of_a_text_is_found_and_other_bytes_are_not() {
        let text: Vec<u8> =
            (0..40_000_u32).flat_map(|number| (number.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        let mut needles = Needles::new();
        needles.add_text("content", &text).unwrap();
        for offset in (0..20_000).step_by(997) {
            let stretch = &text[offset..offset + STRIDE_BYTES + SAMPLE_BYTES];
            assert!(scan(&needles, &[b"noise", stretch, b"noise"]).contains_key("content"), "{offset}");
        }
        let other: Vec<u8> = text.iter().map(|byte| byte ^ 0x55).collect();
        assert_eq!(scan(&needles, &[&other]), Findings::new());
    }

    #[test]
    fn two_needles_with_one_start_are_told_apart() {
        let mut needles = Needles::new();
        needles.add("door", b"12345678door").unwrap();
        needles.add("name", b"12345678name").unwrap();
        assert_eq!(scan(&needles, &[b"..12345678na", b"me.."]), Findings::from([("name", 1)]));
        assert!(needles.add("short", b"1234567").is_err());
        assert!(needles.add("long", &[0; MAX_NEEDLE_BYTES + 1]).is_err());
    }
}
