//! Sizes as people write and read them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes. Reads `4096`, `64KiB`, `1.5 GiB`, `10MB`; writes at most one decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

/// More digits behind the point than anybody means.
const MAX_DECIMALS: u32 = 9;

const UNITS: [(&str, u64); 5] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

impl FromStr for Bytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Bytes, &'static str> {
        const EXPECTED: &str = "expected a size such as 4096, 64KiB, 1.5GiB or 10MB";
        let text = text.trim();
        let digits =
            text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            "t" | "tib" => 1 << 40,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            _ => return Err(EXPECTED),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let decimals =
            u32::try_from(fraction.len()).ok().filter(|&count| count <= MAX_DECIMALS).ok_or(EXPECTED)?;
        let scale = 10_u128.pow(decimals);
        let whole: u64 = whole.parse().map_err(|_| EXPECTED)?;
        let fraction: u64 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| EXPECTED)? };
        let bytes = (u128::from(whole) * scale + u128::from(fraction)) * u128::from(factor) / scale;
        let bytes = u64::try_from(bytes).map_err(|_| "that is more than there are bytes")?;
        Ok(Bytes(bytes))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            UNITS.into_iter().rev().find(|(_, factor)| self.0 >= *factor).unwrap_or(("B", 1));
        let tenths = (self.0 % factor) * 10 / factor;
        match tenths {
            0 => write!(formatter, "{} {unit}", self.0 / factor),
            _ => write!(formatter, "{}.{tenths} {unit}", self.0 / factor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_the_usual_spellings() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64KiB", 65_536),
            ("64 k", 65_536),
            ("1.5GiB", 1_610_612_736),
            ("10MB", 10_000_000),
            ("0.25m", 262_144),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for wrong in ["", "x", "-1", "1.2.3", "1 parsec", "99999999999999999999", "99999999999TiB", "."] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_written_with_at_most_one_decimal() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (u64::MAX, "16777215.9 TiB")]
        {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
