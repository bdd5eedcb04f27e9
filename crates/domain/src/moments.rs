//! Moments as they are written: ISO 8601 in its extended form, with a time and where it is that time.

use crate::ids::{Timestamp, digits};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl Timestamp {
    /// Reads a moment: `2026-11-24T08:30:00Z`, with an offset as in `+01:00` instead of `Z`, with a fraction of a second
    /// or without seconds. What is finer than a millisecond is cut off. A space is a plus that somebody forgot to encode.
    pub fn from_iso8601(text: &str) -> Option<Timestamp> {
        let (date, rest) = text.split_once(['T', 't'])?;
        let (time, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-', ' '])?);
        let seconds = days(date)? * DAY - offset_seconds(offset)?;
        let (of_day, millis) = time_of_day(time)?;
        Some(Timestamp((seconds + of_day) * 1000 + millis))
    }

    /// Writes a moment: `2026-11-24T08:30:00.000Z`.
    pub fn to_iso8601(self) -> String {
        let (seconds, millis) = (self.0.div_euclid(1000), self.0.rem_euclid(1000));
        let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = date(days);
        let (hour, minute, second) = (of_day / HOUR, of_day % HOUR / MINUTE, of_day % MINUTE);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

/// The year, the month and the day of it, that many days after the first day of 1970.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + days_before(1970);
    // No year has more days than this, so the year is never guessed too late.
    let mut year = days.div_euclid(366) + 1;
    while days_before(year + 1) <= days {
        year += 1;
    }
    let (mut month, mut day) = (1, days - days_before(year));
    while day >= days_of(year, month) {
        day -= days_of(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

/// A number of exactly so many digits, up to a bound.
fn part(text: &str, length: usize, max: i64) -> Option<i64> {
    let number = i64::try_from(digits(text)?).ok()?;
    (text.len() == length && number <= max).then_some(number)
}

/// The days from 1970 to a date.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let year = part(parts.next()?, 4, 9999)?;
    let (month, day) = (part(parts.next()?, 2, 12)?, part(parts.next()?, 2, 31)?);
    if parts.next().is_some() || month == 0 || day == 0 || day > days_of(year, month) {
        return None;
    }
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    Some(days_before(year) - days_before(1970) + months + day - 1)
}

/// The days before a year, from the first of the year 1 on.
fn days_before(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Seconds since midnight, and milliseconds of the second.
fn time_of_day(time: &str) -> Option<(i64, i64)> {
    let (whole, fraction) = time.split_once(['.', ',']).map_or((time, None), |(whole, rest)| (whole, Some(rest)));
    let mut parts = whole.split(':');
    let (hour, minute) = (part(parts.next()?, 2, 23)?, part(parts.next()?, 2, 59)?);
    let second =
        parts.next().map(|second| part(second, 2, 59)).unwrap_or(if fraction.is_none() { Some(0) } else { None })?;
    let millis = fraction.map_or(Some(0), millis)?;
    if parts.next().is_some() { None } else { Some((hour * HOUR + minute * MINUTE + second, millis)) }
}

fn millis(fraction: &str) -> Option<i64> {
    let plain = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if plain { format!("{fraction:0<3}")[..3].parse().ok() } else { None }
}

/// How far ahead of UTC a place is.
fn offset_seconds(offset: &str) -> Option<i64> {
    if offset.eq_ignore_ascii_case("Z") {
        return Some(0);
    }
    let (sign, offset) = offset.split_at_checked(1)?;
    let sign = match sign {
        "-" => -1,
        "+" | " " => 1,
        _ => return None,
    };
    let (hours, minutes) = offset.split_once(':')?;
    Some(sign * (part(hours, 2, 23)? * HOUR + part(minutes, 2, 59)? * MINUTE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_it_is_read() {
        assert_eq!(Timestamp(0).to_iso8601(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(-1).to_iso8601(), "1969-12-31T23:59:59.999Z");
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
    fn a_moment_is_read_wherever_it_is_that_time() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00Z", 0),
            ("2018-05-29T10:36:13Z", 1_527_590_173_000),
            ("2018-05-29T12:36:13.25+02:00", 1_527_590_173_250),
            ("2018-05-29T05:06:13,000999-05:30", 1_527_590_173_000),
            ("2018-05-29T12:36:13 02:00", 1_527_590_173_000),
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
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "2018-05-29",
            "2018-05-29T10:36:13",
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
            "2018-05-29T10:36:13+0200",
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
