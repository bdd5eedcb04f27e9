//! What an operator can send, as it arrived, and the rules for it: every broken one is found at once.
//!
//! * [`checks`]: the rules for one value each

mod checks;

use crate::{Failure, administration::KeyTerms, audit::AuditFilter};
use carnelian_domain::{AccountId, Action, Paging, Problem, RawPaging, RawText, Role, Timestamp, Violation};
use carnelian_store::{NewUser, UserChanges};
use checks::{Checks, importable, role, sequence, status, text, user_name};

/// The most ranges of addresses that a key can have.
pub const MAX_RANGES: usize = 50;

/// The longest lifetime of a key: a hundred years, in seconds.
pub const MAX_LIFETIME: u64 = 100 * 366 * 24 * 60 * 60;

/// An account or a group to be created.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawName<'a> {
    /// What to call it: `accountName` or `groupName`.
    pub name: RawText<'a>,
    /// `reason`.
    pub reason: RawText<'a>,
}

/// A user to be created.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawUser<'a> {
    /// `userName`.
    pub name: RawText<'a>,
    /// `accountName`.
    pub account: RawText<'a>,
    /// `accountGroup`.
    pub group: RawText<'a>,
    /// `role`.
    pub role: RawText<'a>,
    /// `reason`.
    pub reason: RawText<'a>,
}

/// What is to change about a user.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawUserChanges<'a> {
    /// `role`.
    pub role: RawText<'a>,
    /// `accountGroup`, if it was sent: it is absent to say that there shall be none.
    pub group: Option<RawText<'a>>,
    /// `status`.
    pub status: RawText<'a>,
    /// `reason`.
    pub reason: RawText<'a>,
}

/// A key to be made or taken over.
#[derive(Clone, Debug, Default)]
pub struct RawKey<'a> {
    /// `label`.
    pub label: RawText<'a>,
    /// `lifetimeSeconds`; what is inside is `None` for a number that counts no seconds.
    pub lifetime: Option<Option<u64>>,
    /// `allowedAddresses`.
    pub allowed: Vec<RawText<'a>>,
    /// `key`.
    pub key: RawText<'a>,
    /// `reason`.
    pub reason: RawText<'a>,
}

/// Entries of the audit log that are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawAudit<'a> {
    /// `after`.
    pub after: RawText<'a>,
    /// `accountId`.
    pub account: RawText<'a>,
    /// `action`.
    pub action: RawText<'a>,
    /// `since`.
    pub since: RawText<'a>,
    /// `pageSize` and `pageNumber`.
    pub paging: RawPaging<'a>,
}

impl RawName<'_> {
    /// The name and the reason; `field` is what the API calls the name.
    pub(crate) fn check(&self, field: &str) -> Result<(String, Option<String>), Failure> {
        let mut checks = Checks::default();
        let name = checks.required(field, self.name, Problem::InvalidText, text);
        let reason = checks.reason(self.reason);
        checks.finish(name.zip(reason))
    }
}

impl RawUser<'_> {
    pub(crate) fn check(&self) -> Result<(NewUser, Option<String>), Failure> {
        let mut checks = Checks::default();
        let name = checks.required("userName", self.name, Problem::InvalidText, user_name);
        let account = checks.required("accountName", self.account, Problem::InvalidText, text);
        let group = checks.optional("accountGroup", self.group, Problem::InvalidText, text);
        let role = checks.optional("role", self.role, Problem::InvalidRole, role);
        let reason = checks.reason(self.reason);
        let checked = (|| {
            let role = role?.unwrap_or(Role::AccountAdmin);
            Some((NewUser { name: name?, account: account?, group: group?, role }, reason?))
        })();
        checks.finish(checked)
    }
}

impl RawUserChanges<'_> {
    pub(crate) fn check(&self) -> Result<(UserChanges, Option<String>), Failure> {
        let mut checks = Checks::default();
        let role = checks.optional("role", self.role, Problem::InvalidRole, role);
        let group = self.group.map(|group| checks.optional("accountGroup", group, Problem::InvalidText, text));
        let enabled = checks.optional("status", self.status, Problem::InvalidStatus, status);
        let reason = checks.reason(self.reason);
        let checked = (|| {
            let group = match group {
                Some(group) => Some(group?),
                None => None,
            };
            Some((UserChanges { role: role?, group, enabled: enabled? }, reason?))
        })();
        checks.finish(checked)
    }
}

impl RawKey<'_> {
    /// What the key is made with, the key itself if it comes from elsewhere, and the reason.
    pub(crate) fn check(&self) -> Result<(KeyTerms, Option<String>, Option<String>), Failure> {
        let mut checks = Checks::default();
        let label = checks.optional("label", self.label, Problem::InvalidText, text);
        let lifetime = self.lifetime.map(|lifetime| lifetime.filter(|seconds| (1..=MAX_LIFETIME).contains(seconds)));
        if lifetime == Some(None) {
            checks.violations.push(Violation::new("lifetimeSeconds", Problem::InvalidLifetime));
        }
        let key = checks.optional("key", self.key, Problem::InvalidKey, importable);
        let allowed = checks.ranges(&self.allowed);
        let reason = checks.reason(self.reason);
        let checked = (|| {
            let terms = KeyTerms { label: label?, lifetime_seconds: lifetime.flatten(), allowed };
            Some((terms, key?, reason?))
        })();
        checks.finish(checked)
    }
}

impl RawAudit<'_> {
    pub(crate) fn check(&self) -> Result<(AuditFilter, Paging), Failure> {
        let mut checks = Checks::default();
        let missing = Problem::RequiredFieldsMissing;
        let after = checks.optional("after", self.after, missing, sequence);
        let account = checks.optional("accountId", self.account, Problem::InvalidAccountId, AccountId::from_digits);
        let action = checks.optional("action", self.action, missing, Action::from_name);
        let since = checks.optional("since", self.since, missing, Timestamp::from_iso8601);
        let paging = self.paging.check();
        // A page of the rest is not one of the whole: both together mean nothing.
        if paging.is_ok() && self.after != RawText::Absent && self.paging.page_number != RawText::Absent {
            checks.violations.push(Violation::new("pageNumber", Problem::InvalidPageNumber));
        }
        let paging = paging.map_err(|violations| checks.violations.extend(violations)).ok();
        let checked = (|| {
            let after = after?.unwrap_or(0);
            Some((AuditFilter { after, account: account?, action: action?, since: since? }, paging?))
        })();
        checks.finish(checked)
    }
}

/// A reason alone, as it stands in a query.
pub(crate) fn reason(raw: RawText<'_>) -> Result<Option<String>, Failure> {
    let mut checks = Checks::default();
    let reason = checks.reason(raw);
    checks.finish(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems<T>(checked: Result<T, Failure>) -> Vec<(String, Problem)> {
        match checked {
            Err(Failure::Violations(violations)) => {
                violations.into_iter().map(|violation| (violation.field, violation.problem)).collect()
            }
            _ => Vec::new(),
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let bad = RawText::Text(" ");
        let user = RawUser { name: RawText::Text("a:b"), group: bad, role: bad, reason: bad, ..RawUser::default() };
        let expected = [
            ("accountName", Problem::RequiredFieldsMissing),
            ("userName", Problem::InvalidText),
            ("accountGroup", Problem::InvalidText),
            ("reason", Problem::InvalidText),
            ("role", Problem::InvalidRole),
        ];
        assert_eq!(problems(user.check()), expected.map(|(field, problem)| (field.to_owned(), problem)));
        let key =
            RawKey { lifetime: Some(Some(0)), key: bad, allowed: vec![RawText::Text("::1"), bad], ..RawKey::default() };
        let expected = [
            ("lifetimeSeconds", Problem::InvalidLifetime),
            ("key", Problem::InvalidKey),
            ("allowedAddresses[1]", Problem::InvalidAddressRange),
        ];
        assert_eq!(problems(key.check()), expected.map(|(field, problem)| (field.to_owned(), problem)));
    }

    #[test]
    fn a_group_that_is_not_sent_stays_and_one_that_is_null_goes() {
        let group =
            |group| RawUserChanges { group, ..RawUserChanges::default() }.check().map(|(changes, _)| changes.group);
        assert_eq!(group(None).ok(), Some(None));
        assert_eq!(group(Some(RawText::Absent)).ok(), Some(Some(None)));
        assert_eq!(group(Some(RawText::Text("West"))).ok(), Some(Some(Some("West".into()))));
        assert!(group(Some(RawText::Text(""))).is_err());
    }
}
