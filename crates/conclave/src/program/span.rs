//! Lengths of time, as people write them: `90s`, `10m`, `2h`, `7d`.

use std::fmt;
use std::str::FromStr;

/// The longest span that anything here lasts: ten years.
const MAX_SECONDS: u64 = 10 * 365 * 24 * 3_600;

/// Units, the largest first.
const UNITS: [(&str, u64); 4] = [("d", 24 * 3_600), ("h", 3_600), ("m", 60), ("s", 1)];

/// Whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) u64);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let unknown = || format!("`{text}` is no length of time; write 90s, 10m, 2h or 7d");
        let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
        let unit = text.get(digits.len()..).unwrap_or_default();
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(unknown)?;
        let count: u64 = digits.parse().map_err(|_| unknown())?;
        let seconds = count.checked_mul(*seconds).filter(|seconds| *seconds <= MAX_SECONDS);
        match seconds {
            Some(0) | None => Err(format!("`{text}` is not between 1s and 3650d")),
            Some(seconds) => Ok(Span(seconds)),
        }
    }
}

impl fmt::Display for Span {
    /// In the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, seconds) =
            UNITS.iter().find(|(_, seconds)| self.0.is_multiple_of(*seconds)).unwrap_or(&("s", 1));
        write!(f, "{}{name}", self.0 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_and_written_the_same() {
        for (text, seconds) in
            [("90s", 90), ("10m", 600), ("2h", 7_200), ("7d", 604_800), ("3650d", MAX_SECONDS)]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.0, span.to_string().as_str()), (seconds, text));
        }
        for wrong in ["", "0s", "10", "m", "-1m", "1w", "1 m", "3651d", "99999999999999999999d", "10mm", "ü"]
        {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }
}
