//! The text form of moments: ISO 8601 in its extended form, with the variations that clients of this API send.
//!
//! The accepted forms are fewer than those that `jiff` parses, and reach further: up to the end of the year 9999 in every
//! offset. So the form is read here, and `jiff` does the calendar arithmetic.

use crate::ids::{Timestamp, digits};
use jiff::{
    SignedDuration,
    civil::{Date, DateTime, Time, date},
};

/// The start of the UNIX epoch, in UTC like every date and time here.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

const MILLIS_PER_MINUTE: i64 = 60_000;
const NANOS_PER_MILLI: i32 = 1_000_000;

impl Timestamp {
    /// Parses a moment: `2026-11-24T08:30:00Z`, also with an offset such as `+01:00`, `+0100` or `+01` instead of `Z`, with a
    /// fraction of a second or without seconds. Without an offset it is in UTC. A date alone, or with `Z`, is its midnight in
    /// UTC. Digits beyond milliseconds are dropped. A space before the offset is read as a plus sign that was not
    /// percent-encoded.
    pub fn from_iso8601(text: &str) -> Option<Timestamp> {
        let (local, offset) = match text.split_once(['T', 't']) {
            Some((date, rest)) => {
                let (time, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len()));
                (DateTime::from_parts(parse_date(date)?, parse_time(time)?), offset)
            }
            None => {
                let (date, zulu) = text.split_at(text.find(['Z', 'z']).unwrap_or(text.len()));
                (parse_date(date)?.at(0, 0, 0, 0), zulu)
            }
        };
        let millis = i64::try_from(local.duration_since(EPOCH).as_millis()).ok()?;
        Some(Timestamp(millis - offset_minutes(offset)? * MILLIS_PER_MINUTE))
    }

    /// Formats the moment as `2026-11-24T08:30:00.000Z`. A moment outside the years -9999 to 9999 is formatted as the
    /// nearest one inside.
    pub fn to_iso8601(self) -> String {
        let moment = EPOCH.saturating_add(SignedDuration::from_millis(self.0));
        let (year, month, day) = (moment.year(), moment.month(), moment.day());
        let (hour, minute, second, millis) = (moment.hour(), moment.minute(), moment.second(), moment.millisecond());
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

fn parse_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if parts.next().is_some() { None } else { Date::new(year, month, day).ok() }
}

fn parse_time(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once(['.', ',']).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let mut parts = whole.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match parts.next() {
        Some(second) => number(second, 2)?,
        None if fraction.is_none() => 0,
        None => return None,
    };
    let millis = fraction.map_or(Some(0), millis)?;
    if parts.next().is_some() { None } else { Time::new(hour, minute, second, millis * NANOS_PER_MILLI).ok() }
}

/// The milliseconds of a fraction of a second.
fn millis(fraction: &str) -> Option<i32> {
    let plain = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if plain { format!("{fraction:0<3}")[..3].parse().ok() } else { None }
}

/// The offset from UTC, positive east of Greenwich.
fn offset_minutes(offset: &str) -> Option<i64> {
    if offset.is_empty() || offset.eq_ignore_ascii_case("Z") {
        return Some(0);
    }
    let (sign, offset) = offset.split_at_checked(1)?;
    let sign = match sign {
        "-" => -1,
        "+" | " " => 1,
        _ => return None,
    };
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None if offset.len() == 2 => (offset, "00"),
        None => offset.split_at_checked(2)?,
    };
    let time = Time::new(number(hours, 2)?, number(minutes, 2)?, 0, 0).ok()?;
    Some(sign * (i64::from(time.hour()) * 60 + i64::from(time.minute())))
}

/// Parses a number of exactly `length` digits.
fn number<N: TryFrom<u64>>(text: &str, length: usize) -> Option<N> {
    digits(text).filter(|_| text.len() == length)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_reverses_parsing() {
        assert_eq!(Timestamp(0).to_iso8601(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(-1).to_iso8601(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Timestamp(i64::MAX).to_iso8601(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp(i64::MIN).to_iso8601(), "-9999-01-01T00:00:00.000Z");
        for text in [
            "2026-11-24T08:30:59.123Z",
            "2024-02-29T00:00:00.000Z",
            "1999-12-31T23:59:59.999Z",
            "9999-12-31T12:00:00.001Z",
        ] {
            assert_eq!(Timestamp::from_iso8601(text).map(Timestamp::to_iso8601).as_deref(), Some(text));
        }
    }

    #[test]
    fn every_documented_form_is_parsed() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00Z", 0),
            ("2018-05-29T10:36:13Z", 1_527_590_173_000),
            ("2018-05-29T12:36:13.25+02:00", 1_527_590_173_250),
            ("2018-05-29T05:06:13,000999-05:30", 1_527_590_173_000),
            ("2018-05-29T12:36:13 02:00", 1_527_590_173_000),
            ("2018-05-29T10:36:13+0000", 1_527_590_173_000),
            ("2018-05-29T03:36:13-0700", 1_527_590_173_000),
            ("2018-05-29T16:06:13 0530", 1_527_590_173_000),
            ("2018-05-29T15:36:13+05", 1_527_590_173_000),
            ("2018-05-29T15:36:13.5+05", 1_527_590_173_500),
            ("2018-05-29T10:36:13", 1_527_590_173_000),
            ("2018-05-29T10:36", 1_527_590_160_000),
            ("2018-05-29T10:36:13.25", 1_527_590_173_250),
            ("2018-05-29", 1_527_552_000_000),
            ("2018-05-29Z", 1_527_552_000_000),
            ("2018-05-29z", 1_527_552_000_000),
            ("2018-05-29t10:36:13z", 1_527_590_173_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
            ("1969-12-31T23:59:59.999Z", -1),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] {
            assert_eq!(Timestamp::from_iso8601(text), Some(Timestamp(millis)), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "2018-05-29T",
            "2018-05-29T+05",
            "2018-05-29+05",
            "2018-05-29ZZ",
            "2018-05-29 10:36:13Z",
            "20180529T103613Z",
            "2018-5-29T10:36:13Z",
            "2018-13-29T10:36:13Z",
            "2018-00-29T10:36:13Z",
            "2018-02-29T10:36:13Z",
            "1900-02-29T10:36:13Z",
            "2018-05-00T10:36:13Z",
            "2018-05-29-01T10:36:13Z",
            "2018-05-29T24:00:00Z",
            "2018-05-29T10:60:13Z",
            "2018-05-29T10:36:60Z",
            "2018-05-29T10:36.5Z",
            "2018-05-29T10:36:13.Z",
            "2018-05-29T10:36:13.0000000001Z",
            "2018-05-29T10:36:13:00Z",
            "2018-05-29T10:36:13+02:",
            "2018-05-29T10:36:13+020",
            "2018-05-29T10:36:13+02000",
            "2018-05-29T10:36:13+2",
            "2018-05-29T10:36:13+2400",
            "2018-05-29T10:36:13+0260",
            "2018-05-29T10:36:13+:0200",
            "2018-05-29T10:36:13+",
            "2018-05-29T10:36:13 ",
            "2018-05-29T10:36:13+24:00",
            "2018-05-29T10:36:13+é0:00",
            "2018-05-29T10:36:13ZZ",
            "2018-05-29T10:36:13Z02:00",
            "2018-05-29T1é:36:13Z",
            "+018-05-29T10:36:13Z",
            "1527590173",
        ] {
            assert_eq!(Timestamp::from_iso8601(text), None, "{text}");
        }
    }
}
