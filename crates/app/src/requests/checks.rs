//! The rules for what an operator can send, one value after the other.

use super::MAX_RANGES;
use crate::{Failure, api_key::is_importable};
use carnelian_domain::{
    AccountId, AddressRange, CustomerId, Problem, RawText, Role, Violation,
    directory::{MAX_NAME, check_name, check_user_name},
};

/// A user's states, by their names in the API.
const STATES: [(&str, bool); 2] = [("ENABLED", true), ("DISABLED", false)];

/// Looks at one value after the other, and keeps what is wrong.
#[derive(Default)]
pub(super) struct Checks {
    pub(super) violations: Vec<Violation>,
}

impl Checks {
    /// A value that must be there; `None` if it is not, or breaks its rule.
    pub(super) fn required<T>(
        &mut self,
        field: &str,
        raw: RawText<'_>,
        invalid: Problem,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if raw == RawText::Absent {
            self.violations.push(Violation::new(field, Problem::RequiredFieldsMissing));
        }
        self.optional(field, raw, invalid, read).flatten()
    }

    /// A value that may be missing; `None` if it breaks its rule.
    pub(super) fn optional<T>(
        &mut self,
        field: &str,
        raw: RawText<'_>,
        invalid: Problem,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        let found = match raw {
            RawText::Absent => return Some(None),
            RawText::Text(text) => read(text),
            RawText::WrongType => None,
        };
        if found.is_none() {
            let limit = (invalid == Problem::InvalidText).then_some(MAX_NAME);
            self.violations.push(Violation { field: field.to_owned(), problem: invalid, limit });
        }
        found.map(Some)
    }

    pub(super) fn reason(&mut self, raw: RawText<'_>) -> Option<Option<String>> {
        self.optional("reason", raw, Problem::InvalidText, text)
    }

    pub(super) fn ranges(&mut self, raw: &[RawText<'_>]) -> Vec<AddressRange> {
        if raw.len() > MAX_RANGES {
            let (field, problem) = ("allowedAddresses".to_owned(), Problem::InvalidAddressRange);
            self.violations.push(Violation { field, problem, limit: Some(MAX_RANGES) });
            return Vec::new();
        }
        let range = |(index, raw): (usize, &RawText<'_>)| {
            let field = format!("allowedAddresses[{index}]");
            self.required(&field, *raw, Problem::InvalidAddressRange, |text| text.parse().ok())
        };
        raw.iter().enumerate().filter_map(range).collect()
    }

    /// What was checked, or everything that is wrong, in the order of the catalogue.
    pub(super) fn finish<T>(mut self, checked: Option<T>) -> Result<T, Failure> {
        self.violations.sort_by_key(|violation| violation.problem);
        match checked {
            Some(checked) if self.violations.is_empty() => Ok(checked),
            _ => Err(Failure::Violations(self.violations)),
        }
    }
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
    STATES.iter().find(|(name, _)| *name == text).map(|(_, enabled)| *enabled)
}

pub(super) fn importable(key: &str) -> Option<String> {
    is_importable(key).then(|| key.to_owned())
}

pub(super) fn sequence(text: &str) -> Option<u64> {
    AccountId::from_digits(text).map(|number| number.0).filter(|number| *number <= CustomerId::LIMIT)
}
