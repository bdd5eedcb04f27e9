//! The rules for single values of an administrative request.

use super::MAX_RANGES;
use crate::api_key::is_importable;
use carnelian_domain::{
    AccountId, AddressRange, BrokenRule, CustomerId, Object, Problem, RawText, Role, Violations,
    directory::{MAX_NAME, USER_STATES, check_name, check_user_name},
};

/// How a name, a label or a reason that breaks its rule is reported.
pub(super) const INVALID_TEXT: BrokenRule = BrokenRule { problem: Problem::InvalidText, limit: Some(MAX_NAME) };

/// Reads the reason of a request.
pub(super) fn reason(violations: &mut Violations, raw: RawText<'_>) -> Option<String> {
    violations.optional("reason", raw, INVALID_TEXT, text)
}

/// Reads the address ranges of a key.
pub(super) fn ranges(violations: &mut Violations, raw: &[RawText<'_>]) -> Vec<AddressRange> {
    let invalid = Problem::InvalidAddressRange;
    if raw.len() > MAX_RANGES {
        violations.add("allowedAddresses", BrokenRule { problem: invalid, limit: Some(MAX_RANGES) });
        return Vec::new();
    }
    let range = |(index, raw): (usize, &RawText<'_>)| {
        violations.required(format_args!("allowedAddresses[{index}]"), *raw, invalid, |text| text.parse().ok())
    };
    raw.iter().enumerate().filter_map(range).collect()
}

pub(super) fn text(text: &str) -> Option<String> {
    check_name(text).ok().map(|()| text.to_owned())
}

pub(super) fn user_name(text: &str) -> Option<String> {
    check_user_name(text).ok().map(|()| text.to_owned())
}

pub(super) fn role(text: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.name() == text)
}

pub(super) fn status(text: &str) -> Option<bool> {
    USER_STATES.iter().find(|(name, _)| *name == text).map(|(_, enabled)| *enabled)
}

/// Reads one of some names.
pub(super) fn one_of<T: Copy, const N: usize>(all: [T; N], name: fn(T) -> &'static str) -> impl Fn(&str) -> Option<T> {
    move |text| all.into_iter().find(|one| name(*one) == text)
}

pub(super) fn importable(key: &str) -> Option<String> {
    is_importable(key).then(|| key.to_owned())
}

pub(super) fn sequence(text: &str) -> Option<u64> {
    AccountId::from_digits(text).map(|number| number.0).filter(|number| *number <= CustomerId::LIMIT)
}

/// An object of the audit log, in the form that entries have.
pub(super) fn object(text: &str) -> Option<String> {
    Object::parse(text).map(|object| object.to_string())
}
