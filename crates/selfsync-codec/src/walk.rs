//! From run to run through a frame, by its lengths: first to check it, then to decode it where it stands.

use core::ops::Range;

use crate::error::Cause;
use crate::trailer::Check;
use crate::wire::{MARKER, MAX_FIRST_RUN, MAX_LATER_RUN, read_first_length, read_later_length};

/// How far into the frame at the front of the input one has got. Nothing is changed on the way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    /// Where the version byte stands: behind the opening marker, which may be the closing one of the frame before.
    pub(crate) version_at: usize,
    /// Where the next length or the closing marker has to stand.
    pub(crate) next: usize,
    /// No marker begins before this (unless a run hides it: then nobody has looked).
    pub(crate) scanned: usize,
    /// Decoded bytes up to `next`.
    decoded: usize,
    /// The run in front of `next` is of full length: no marker is elided behind it, and another length must follow.
    is_full: bool,
}

/// Where a walk stops.
pub(crate) enum Stop {
    /// The closing marker stands at `next`.
    Closed,
    /// The input ends before the next length or closing marker.
    Starved,
    /// This is no frame.
    Broken(Cause),
}

impl Walk {
    /// Starts at the first length, which stands right behind the version byte.
    pub(crate) fn begin(version_at: usize, first_length: u8, max_decoded: usize) -> Result<Self, Cause> {
        let run_len = read_first_length(first_length).ok_or(Cause::BadLength)?;
        if run_len > max_decoded {
            return Err(Cause::TooLong);
        }
        let first_run = version_at + 2;
        Ok(Self {
            version_at,
            next: first_run + run_len,
            scanned: first_run,
            decoded: run_len,
            is_full: run_len == MAX_FIRST_RUN,
        })
    }

    /// Goes on as far as `input` reaches. `marker` is where the first marker is known to stand, if it is.
    pub(crate) fn proceed(&mut self, input: &[u8], marker: Option<usize>, max_decoded: usize) -> Stop {
        loop {
            if marker.is_some_and(|marker| self.next > marker) {
                return Stop::Broken(Cause::EarlyMarker);
            }
            let Some(pair) = pair_at(input, self.next) else { return Stop::Starved };
            if pair == MARKER {
                return if self.is_full { Stop::Broken(Cause::EarlyMarker) } else { Stop::Closed };
            }
            let Some(run_len) = read_later_length(pair) else { return Stop::Broken(Cause::BadLength) };
            let growth = run_len + if self.is_full { 0 } else { MARKER.len() };
            if growth > max_decoded - self.decoded {
                return Stop::Broken(Cause::TooLong);
            }
            self.decoded += growth;
            self.next += MARKER.len() + run_len;
            self.is_full = run_len == MAX_LATER_RUN;
        }
    }

    /// The stuffed body of a closed frame, from its first length on.
    pub(crate) fn stuffed(&self) -> Range<usize> {
        self.version_at + 1..self.next
    }
}

/// Whether a stuffed body, decoded, ends with its checksum.
pub(crate) fn is_intact(stuffed: &[u8]) -> bool {
    let mut check = Check::new();
    let mut runs = Runs::new();
    while let Some(run) = runs.next(stuffed) {
        if run.follows_pair {
            check.update(&MARKER);
        }
        check.update(&stuffed[run.bytes]);
    }
    check.finish()
}

/// Decodes a stuffed body where it stands, and says where the body stands then.
///
/// A pair returns to the place of the length that elided it. Where a first run of full length has no pair behind it,
/// the run moves up over the second length; where a later one has none, what follows moves down.
pub(crate) fn unstuff(stuffed: &mut [u8]) -> Range<usize> {
    let mut runs = Runs::new();
    let Some(first) = runs.next(stuffed) else { return 0..0 };
    let mut body = first.bytes.clone();
    while let Some(run) = runs.next(stuffed) {
        if run.follows_pair {
            stuffed[body.end..body.end + MARKER.len()].copy_from_slice(&MARKER);
            body.end += MARKER.len();
        } else if body == first.bytes {
            let moved = body.start + MARKER.len();
            stuffed.copy_within(body, moved);
            body = moved..run.bytes.start;
        }
        let run_len = run.bytes.len();
        if body.end != run.bytes.start {
            stuffed.copy_within(run.bytes, body.end);
        }
        body.end += run_len;
    }
    body
}

/// The runs of a stuffed body that a [`Walk`] has found to be well-formed.
struct Runs {
    /// Where the next length stands.
    next: usize,
    is_full: bool,
}

struct Run {
    bytes: Range<usize>,
    /// A marker of the body was elided in front of this run.
    follows_pair: bool,
}

impl Runs {
    fn new() -> Self {
        Self { next: 0, is_full: false }
    }

    /// The body is handed in anew for each run, so that it can be changed behind the run read last.
    fn next(&mut self, stuffed: &[u8]) -> Option<Run> {
        let is_first = self.next == 0;
        let (start, run_len, longest) = if is_first {
            (1, read_first_length(*stuffed.first()?)?, MAX_FIRST_RUN)
        } else {
            (self.next + 2, read_later_length(pair_at(stuffed, self.next)?)?, MAX_LATER_RUN)
        };
        let follows_pair = !is_first && !self.is_full;
        self.next = start + run_len;
        self.is_full = run_len == longest;
        Some(Run { bytes: start..self.next, follows_pair })
    }
}

fn pair_at(bytes: &[u8], at: usize) -> Option<[u8; 2]> {
    bytes.get(at..)?.first_chunk().copied()
}
