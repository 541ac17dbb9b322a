//! Word stuffing as its published description tells it, a byte or a window at a time and with no eye to speed:
//! written independently of the crate, to be compared with it.

/// Undoes word stuffing byte by byte. `None` if the bytes are not stuffed.
pub(crate) fn unstuff(stuffed: &[u8]) -> Option<Vec<u8>> {
    let mut machine = Unstuffer { body: Vec::new(), expects: Expects::OnlyDigit };
    for &byte in stuffed {
        machine.push(byte)?;
    }
    // The last run is short, and the pair that it implies is the one appended to every body before it is stuffed.
    (machine.expects == Expects::LowDigit { pair_pending: true }).then_some(machine.body)
}

/// Word stuffing of a body, from its description: find the next pair in the window, else take the window.
pub(crate) fn stuff(body: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::new();
    let mut rest = body;
    let mut longest = 252;
    loop {
        let window = &rest[..rest.len().min(longest)];
        let pair = window.windows(2).position(|two| two == [0xFE, 0xFD]);
        let run = &window[..pair.unwrap_or(window.len())];
        stuffed.push((run.len() % 253) as u8);
        if longest > 252 {
            stuffed.push((run.len() / 253) as u8);
        }
        stuffed.extend(run);
        rest = &rest[run.len() + if pair.is_some() { 2 } else { 0 }..];
        if pair.is_none() && run.len() < longest {
            return stuffed;
        }
        longest = 253 * 253 - 1;
    }
}

/// What a scanning reader without a checksum makes of a whole stream: the pieces between markers, of which those
/// count that begin with version 01 and are stuffed bodies of at most `max_body_bytes`.
pub(crate) struct Reading {
    pub(crate) bodies: Vec<Vec<u8>>,
    /// Bytes that belong to none of them.
    pub(crate) skipped_bytes: u64,
}

pub(crate) fn read_stream(stream: &[u8], accepts: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Reading {
    let markers: Vec<usize> =
        (1..stream.len()).map(|i| i - 1).filter(|&i| stream[i..i + 2] == [0xFE, 0xFD]).collect();
    let mut bodies = Vec::new();
    let mut skipped = stream.len();
    let mut behind_frame = false;
    for two in markers.windows(2) {
        let piece = &stream[two[0] + 2..two[1]];
        let body = piece.strip_prefix(&[0x01]).and_then(&accepts);
        if body.is_some() {
            skipped -= piece.len() + if behind_frame { 2 } else { 4 };
        }
        behind_frame = body.is_some();
        bodies.extend(body);
    }
    Reading { bodies, skipped_bytes: skipped as u64 }
}

struct Unstuffer {
    body: Vec<u8>,
    expects: Expects,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    /// The length of the first run.
    OnlyDigit,
    /// The low digit of a later length; a pair precedes its run unless the run before was of full length.
    LowDigit {
        pair_pending: bool,
    },
    HighDigit {
        low: u8,
        pair_pending: bool,
    },
    /// So many bytes of a run, and whether a pair is implied behind it.
    Literal {
        left: usize,
        is_short: bool,
    },
}

impl Unstuffer {
    fn push(&mut self, byte: u8) -> Option<()> {
        let is_digit = byte < 253;
        self.expects = match self.expects {
            Expects::OnlyDigit if is_digit => Self::run(usize::from(byte), 252),
            Expects::LowDigit { pair_pending } if is_digit => Expects::HighDigit { low: byte, pair_pending },
            Expects::HighDigit { low, pair_pending } if is_digit => {
                if pair_pending {
                    self.body.extend([0xFE, 0xFD]);
                }
                Self::run(usize::from(low) + 253 * usize::from(byte), 64_008)
            }
            Expects::Literal { left, is_short } => {
                self.body.push(byte);
                Self::literal(left - 1, is_short)
            }
            _ => return None,
        };
        Some(())
    }

    fn run(len: usize, longest: usize) -> Expects {
        Self::literal(len, len < longest)
    }

    fn literal(left: usize, is_short: bool) -> Expects {
        match left {
            0 => Expects::LowDigit { pair_pending: is_short },
            _ => Expects::Literal { left, is_short },
        }
    }
}
