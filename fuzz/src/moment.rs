//! ISO 8601 moments, recognised by their shape and computed in Julian days.

use carnelian_domain::Timestamp;

/// The Julian day on which 1970 began.
const EPOCH: i64 = 2_440_588;

/// The shapes of an offset from UTC. A space is a plus that was not encoded.
const ZONES: [&str; 11] = ["Z", "+00:00", "-00:00", " 00:00", "+0000", "-0000", " 0000", "+00", "-00", " 00", ""];

/// Reads a moment; what is finer than a millisecond is cut off, and a date alone is its midnight.
pub fn read(text: &str) -> Option<Timestamp> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c.to_ascii_uppercase() }).collect();
    if matches!(&*shape, "0000-00-00" | "0000-00-00Z") {
        return read(&format!("{}T00:00", &text[..10]));
    }
    let local = ZONES.iter().find_map(|zone| shape.strip_suffix(zone))?;
    let finer = local.strip_prefix("0000-00-00T00:00")?;
    let fraction = finer.strip_prefix(":00.").or(finer.strip_prefix(":00,"));
    let whole = matches!(finer, "" | ":00");
    if !whole && !fraction.is_some_and(|zeros| (1..=9).contains(&zeros.len()) && zeros.trim_matches('0').is_empty()) {
        return None;
    }
    let number = |at: usize, length: usize| text[at..at + length].parse::<i64>().expect("digits");
    let days = day(number(0, 4), number(5, 2), number(8, 2))?;
    let of_day = seconds(number(11, 2), number(14, 2))? + if finer.is_empty() { 0 } else { minute(number(17, 2))? };
    let ahead = match &text[local.len()..] {
        "" | "Z" | "z" => 0,
        zone => {
            let minutes = if zone.len() == 3 { 0 } else { number(text.len() - 2, 2) };
            let ahead = seconds(number(local.len() + 1, 2), minutes)?;
            if zone.starts_with('-') { -ahead } else { ahead }
        }
    };
    let digits = fraction.map_or(0, str::len);
    let millis = if digits == 0 { 0 } else { number(20, digits) * 1000 / 10_i64.pow(digits as u32) };
    Some(Timestamp(((days - EPOCH) * 86_400 + of_day - ahead) * 1000 + millis))
}

/// The Julian day of a date, if there is such a date.
fn day(year: i64, month: i64, day: i64) -> Option<i64> {
    let first = julian(year, month, 1);
    let next = if month == 12 { julian(year + 1, 1, 1) } else { julian(year, month + 1, 1) };
    ((1..=12).contains(&month) && (1..=next - first).contains(&day)).then_some(first + day - 1)
}

/// The Julian day of a date in the Gregorian calendar, as Fliegel and Van Flandern count it.
fn julian(year: i64, month: i64, day: i64) -> i64 {
    let back = (month - 14) / 12;
    1461 * (year + 4800 + back) / 4 + 367 * (month - 2 - 12 * back) / 12 - 3 * ((year + 4900 + back) / 100) / 4 + day
        - 32_075
}

/// The seconds of hours and minutes.
fn seconds(hours: i64, minutes: i64) -> Option<i64> {
    (hours < 24).then_some(hours * 3600 + minute(minutes)? * 60)
}

/// What a minute or an hour has sixty of.
fn minute(number: i64) -> Option<i64> {
    (number < 60).then_some(number)
}
