//! Frames off a stream of bytes.

use alloc::boxed::Box;

use bytes::{Buf, BytesMut};

use crate::config::{Config, Counters, Scan};
use crate::error::{Cause, Damage};
use crate::search::MarkerSearch;
use crate::trailer::Trailer;
use crate::walk::{Stop, Walk, is_intact, unstuff};
use crate::wire::{MARKER, VERSION};

/// Splits frames off the front of a buffer to which the caller appends what arrives.
///
/// [`next_frame`](Self::next_frame) is the only input and the only output. It remembers how far it has got, so that
/// a frame that arrives byte by byte is not looked at twice; hence the caller may append to the buffer between calls
/// but not otherwise change it (or tells with [`reset`](Self::reset)).
#[derive(Clone, Debug)]
pub struct Decoder {
    config: Config,
    /// Prepared when first needed: idle paths are many, and on a reliable one it never is.
    search: Option<Box<MarkerSearch>>,
    phase: Phase,
    counters: Counters,
    /// Bytes consumed since the beginning of the stream.
    consumed: u64,
    /// Up to this byte of the stream lengths have led into damage once: frames that begin before it are scanned.
    distrusted_until: u64,
}

/// ```text
///           marker, version, length                     closing marker
///  Start ──────────────────────────────▶ Inside ──────────────────────────▶ Between
///    │                                   ▲    │                              │   │
///    │ anything else                     │    │ no frame       anything else │   │ (marker,) version, length
///    ▼                                   │    ▼                              │   ▼
///  Seeking ──────────▶ Found ────────────┘  Seeking ◀────────────────────────┘ Inside
///    ▲      marker       │  version, length
///    └───────────────────┘
///       anything else
/// ```
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// In step, nothing consumed yet.
    Start,
    /// In step, directly behind a closing marker, which may open the next frame as well.
    Between,
    /// Out of step: everything before the next marker is skipped.
    Seeking,
    /// Out of step, with a marker at the front of the input.
    Found,
    /// A frame at the front of the input, as far as it has been followed.
    Inside(Walk),
}

/// What the front of the input has turned out to be.
enum Opening {
    /// The beginning of a frame.
    Frame(Walk),
    /// Too short to tell.
    Starved,
    /// Something to be left behind, which has been done.
    Again,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            search: None,
            phase: Phase::Start,
            counters: Counters::default(),
            consumed: 0,
            distrusted_until: 0,
        }
    }

    /// What has been seen so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What it accepts.
    #[must_use]
    pub fn config(&self) -> Config {
        self.config
    }

    /// Forgets the stream, so that another can begin. The counters stay.
    pub fn reset(&mut self) {
        (self.phase, self.consumed, self.distrusted_until) = (Phase::Start, 0, 0);
    }

    /// Splits the next frame off the front of `input` and returns its body, decoded where it stood; `None` if more
    /// bytes are needed. A body shares its memory with `input`: one to be kept for long is better copied.
    ///
    /// # Errors
    /// [`Damage`], once for each time that it gets out of step. What is sure to be no frame is dropped; the
    /// decoder goes on with the next call.
    pub fn next_frame(&mut self, input: &mut BytesMut) -> Result<Option<BytesMut>, Damage> {
        loop {
            let opening = match self.phase {
                Phase::Inside(walk) => Opening::Frame(walk),
                Phase::Seeking => self.seek(input),
                Phase::Start | Phase::Between | Phase::Found => self.open(input)?,
            };
            match opening {
                Opening::Frame(walk) => return self.follow(walk, input),
                Opening::Starved => return Ok(None),
                Opening::Again => {}
            }
        }
    }

    /// As [`next_frame`](Self::next_frame), when nothing will follow `input`: an unfinished frame is damage, and
    /// what it may have hidden is looked through. `None` means that `input` is empty.
    ///
    /// # Errors
    /// [`Damage`], as there.
    pub fn next_frame_at_end(&mut self, input: &mut BytesMut) -> Result<Option<BytesMut>, Damage> {
        let frame = self.next_frame(input)?;
        if frame.is_some() || input.is_empty() {
            return Ok(frame);
        }
        match self.phase {
            Phase::Inside(walk) => Err(self.lose(walk.version_at + 1, input.len(), Cause::Truncated, input)),
            Phase::Start | Phase::Between => Err(self.lose(input.len(), 0, Cause::Truncated, input)),
            Phase::Seeking | Phase::Found => {
                self.skip(input.len(), input);
                self.phase = Phase::Seeking;
                Ok(None)
            }
        }
    }

    /// Looks for the beginning of a frame at the front of `input`.
    fn open(&mut self, input: &mut BytesMut) -> Result<Opening, Damage> {
        const OPENING: u8 = MARKER[0];
        const MARKED: u8 = MARKER[1];
        let behind_marker = matches!(self.phase, Phase::Between);
        let (version_at, first_length) = match **input {
            [OPENING, MARKED, VERSION, first_length, ..] => (2, first_length),
            [VERSION, first_length, ..] if behind_marker => (0, first_length),
            [] | [OPENING] | [OPENING, MARKED] | [OPENING, MARKED, VERSION | OPENING] => {
                return Ok(Opening::Starved);
            }
            [VERSION] if behind_marker => return Ok(Opening::Starved),
            [OPENING, MARKED, OPENING, MARKED, ..] => {
                // The closing marker of what was given up, or fill between frames.
                self.skip(MARKER.len(), input);
                return Ok(Opening::Again);
            }
            [OPENING, MARKED, ..] if matches!(self.phase, Phase::Found) => {
                self.skip(MARKER.len(), input);
                self.phase = Phase::Seeking;
                return Ok(Opening::Again);
            }
            [OPENING, MARKED, version, ..] => {
                return Err(self.lose(MARKER.len(), 0, Cause::UnknownVersion(version), input));
            }
            _ => return Err(self.lose(0, 0, Cause::NoMarker, input)),
        };
        match Walk::begin(version_at, first_length, self.max_decoded()) {
            Ok(walk) => Ok(Opening::Frame(walk)),
            Err(cause) => Err(self.lose(version_at + 1, 0, cause, input)),
        }
    }

    /// Follows the frame at the front of `input` as far as it has arrived.
    fn follow(&mut self, mut walk: Walk, input: &mut BytesMut) -> Result<Option<BytesMut>, Damage> {
        let scans = self.config.scan == Scan::Always || self.consumed < self.distrusted_until;
        let marker = if scans { self.first_marker(&mut walk.scanned, input) } else { None };
        match walk.proceed(input, marker, self.max_decoded()) {
            Stop::Closed => self.deliver(walk, input),
            Stop::Starved => {
                self.phase = Phase::Inside(walk);
                Ok(None)
            }
            Stop::Broken(cause) => Err(self.lose(walk.version_at + 1, walk.next, cause, input)),
        }
    }

    /// Splits off the frame that ends at `walk.next` and decodes it.
    fn deliver(&mut self, walk: Walk, input: &mut BytesMut) -> Result<Option<BytesMut>, Damage> {
        let stuffed = walk.stuffed();
        let trailer = self.config.trailer;
        // What is intact is no shorter than its checksum.
        if trailer != Trailer::None && !is_intact(&input[stuffed.clone()]) {
            return Err(self.lose(walk.version_at + 1, walk.next, Cause::Checksum, input));
        }
        let mut frame = input.split_to(stuffed.end + MARKER.len());
        self.consumed = self.consumed.saturating_add(count(frame.len()));
        self.counters.frames += 1;
        self.phase = Phase::Between;
        let body = unstuff(&mut frame[stuffed.clone()]);
        frame.truncate(stuffed.start + body.end - trailer.len());
        frame.advance(stuffed.start + body.start);
        Ok(Some(frame))
    }

    /// Where the first marker at or behind `scanned` begins; if there is none, `scanned` moves to where one still can.
    fn first_marker(&mut self, scanned: &mut usize, input: &[u8]) -> Option<usize> {
        let found = self.find_marker(input.get(*scanned..)?);
        match found {
            Some(at) => Some(*scanned + at),
            None => {
                *scanned = (*scanned).max(input.len() - usize::from(ends_in_half_a_marker(input)));
                None
            }
        }
    }

    fn find_marker(&mut self, bytes: &[u8]) -> Option<usize> {
        self.search.get_or_insert_with(|| Box::new(MarkerSearch::new())).find(bytes)
    }

    /// Gives up what begins at the front of `input`: drops `bytes` of it and everything up to the next marker.
    /// `reached` is how far lengths had led: so far nothing is trusted that begins before it.
    #[cold]
    fn lose(&mut self, bytes: usize, reached: usize, cause: Cause, input: &mut BytesMut) -> Damage {
        let damage = Damage { cause, offset: self.consumed };
        let reached = self.consumed.saturating_add(count(reached));
        self.distrusted_until = self.distrusted_until.max(reached);
        self.counters.resynchronizations += 1;
        self.skip(bytes, input);
        self.seek(input);
        damage
    }

    /// Skips everything before the next marker.
    fn seek(&mut self, input: &mut BytesMut) -> Opening {
        let found = self.find_marker(input);
        let kept = usize::from(ends_in_half_a_marker(input));
        self.skip(found.unwrap_or(input.len() - kept), input);
        match found {
            Some(_) => {
                self.phase = Phase::Found;
                Opening::Again
            }
            None => {
                self.phase = Phase::Seeking;
                Opening::Starved
            }
        }
    }

    fn skip(&mut self, bytes: usize, input: &mut BytesMut) {
        let bytes = bytes.min(input.len());
        if bytes == input.len() {
            // Unlike advancing, this leaves the whole buffer for what comes next.
            input.clear();
        } else {
            input.advance(bytes);
        }
        self.consumed = self.consumed.saturating_add(count(bytes));
        self.counters.skipped_bytes = self.counters.skipped_bytes.saturating_add(count(bytes));
    }

    fn max_decoded(&self) -> usize {
        self.config.max_body_bytes.saturating_add(self.config.trailer.len())
    }
}

fn ends_in_half_a_marker(bytes: &[u8]) -> bool {
    bytes.last() == Some(&MARKER[0])
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
