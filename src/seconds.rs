//! Durations written as a number and a unit, such as `90d`.

use std::{fmt, str::FromStr};

/// The units, the longest first, and their seconds.
const UNITS: [(char, u64); 4] = [('d', 24 * 60 * 60), ('h', 60 * 60), ('m', 60), ('s', 1)];

/// A duration in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) u64);

impl Seconds {
    /// The expected form, for error messages.
    pub(crate) const EXPECTED: &str = "a number followed by s, m, h or d, such as 90d";
}

impl FromStr for Seconds {
    type Err = ();

    fn from_str(text: &str) -> Result<Seconds, ()> {
        if text == "0" {
            return Ok(Seconds(0));
        }
        let unit = text.chars().last().ok_or(())?;
        let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(())?;
        let number = &text[..text.len() - 1];
        let number: u64 = number.parse().ok().filter(|_| !number.starts_with('+')).ok_or(())?;
        number.checked_mul(seconds).map(Seconds).ok_or(())
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, seconds): &(char, u64)| self.0.is_multiple_of(*seconds);
        match UNITS.into_iter().find(fits) {
            Some((unit, seconds)) if self.0 > 0 => write!(f, "{}{unit}", self.0 / seconds),
            _ => f.write_str("0"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit_or_zero() {
        for (text, seconds) in [("90d", 90 * 86_400), ("45s", 45), ("2h", 7200), ("0s", 0), ("0", 0)] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
        for bad in ["", "d", "90", "-1d", "+1d", "1w", "1.5h", "99999999999999999999d", "1😀"] {
            assert_eq!(bad.parse::<Seconds>(), Err(()), "{bad:?}");
        }
    }

    #[test]
    fn a_duration_is_shown_in_the_longest_unit_that_divides_it() {
        for text in ["30d", "36h", "90m", "61s", "0"] {
            assert_eq!(text.parse::<Seconds>().map(|duration| duration.to_string()).as_deref(), Ok(text));
        }
    }
}
