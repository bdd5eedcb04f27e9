//! Identifiers and timestamps.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);

        impl $name {
            /// Parses an id of decimal digits.
            pub fn from_digits(text: &str) -> Option<$name> {
                digits(text).map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// Identifies an account.
    AccountId
);
id!(
    /// Identifies an account group.
    GroupId
);
id!(
    /// Identifies a user.
    UserId
);
id!(
    /// Identifies an erasure of an account.
    ErasureId
);
id!(
    /// Identifies a job of a server.
    JobId
);
id!(
    /// Identifies a customer: below 2^53, so that every JSON parser represents it exactly, and never reused.
    CustomerId
);

impl CustomerId {
    /// The first number that some JSON parsers do not represent exactly.
    pub const LIMIT: u64 = 1 << 53;

    /// Parses an id of decimal digits, at most 2^53.
    pub fn parse(text: &str) -> Option<CustomerId> {
        Self::from_digits(text).filter(|id| id.0 <= Self::LIMIT)
    }
}

/// Parses a number of decimal digits.
pub(crate) fn digits(text: &str) -> Option<u64> {
    // The parser of the standard library accepts a sign as well.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// A point in time, in milliseconds since the UNIX epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole UNIX seconds, rounded down.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The timestamp that many seconds later, or the latest possible one.
    pub fn plus_seconds(self, seconds: u64) -> Timestamp {
        let millis = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        Timestamp(self.0.saturating_add(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_id_has_digits_and_is_at_most_two_to_the_53() {
        assert_eq!(CustomerId::parse("1234"), Some(CustomerId(1234)));
        assert_eq!(CustomerId::parse("9007199254740992"), Some(CustomerId(1 << 53)));
        for bad in ["", "x", "-1", "+1", "1.0", " 1", "١", "9007199254740993", "99999999999999999999999"] {
            assert_eq!(CustomerId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn seconds_are_rounded_down_before_the_epoch_too() {
        assert_eq!(Timestamp(1_527_590_173_999).unix_seconds(), 1_527_590_173);
        assert_eq!(Timestamp(-1).unix_seconds(), -1);
    }
}
