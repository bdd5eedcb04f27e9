//! Administrative requests as received, and their checks. A check returns the checked input with the reason of the request.
//!
//! * [`checks`]: the rules for one value each

mod checks;

use super::{jobs::NewJob, keys::KeyTerms};
use crate::{
    Failure,
    jobs::JobWork,
    transfer::{FileFormat, ImportOptions, OnDuplicate},
};
use carnelian_domain::{AccountId, Action, Actor, Problem, RawPaging, RawText, Role, Timestamp, Violations};
use carnelian_store::{AuditFilter, AuditOrder, AuditQuery, NewUser, UserChanges};
use checks::{INVALID_TEXT, importable, object, one_of, role, sequence, status, text, user_name};

/// The largest number of address ranges of a key.
pub const MAX_RANGES: usize = 50;

/// The longest lifetime of a key: a hundred years, in seconds.
pub const MAX_LIFETIME: u64 = 100 * 366 * 24 * 60 * 60;

/// A request to create an account or a group.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawName<'a> {
    /// `accountName` or `groupName`.
    pub name: RawText<'a>,
    /// `reason`.
    pub reason: RawText<'a>,
}

/// A request to create a user.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawUser<'a> {
    /// `username`.
    pub name: RawText<'a>,
    /// `accountName`.
    pub account: RawText<'a>,
    /// `accountGroup`.
    pub group: RawText<'a>,
    /// `roleName`.
    pub role: RawText<'a>,
    /// `reason`.
    pub reason: RawText<'a>,
}

/// A request to change a user.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawUserChanges<'a> {
    /// `roleName`.
    pub role: RawText<'a>,
    /// `accountGroup`, if it was sent; null removes the user from its group.
    pub group: Option<RawText<'a>>,
    /// `status`.
    pub status: RawText<'a>,
    /// `reason`.
    pub reason: RawText<'a>,
}

/// A request to issue or import a key.
#[derive(Clone, Debug, Default)]
pub struct RawKey<'a> {
    /// `label`.
    pub label: RawText<'a>,
    /// `lifetimeSeconds`; the inner value is `None` for a number that is not a whole number of seconds.
    pub lifetime: Option<Option<u64>>,
    /// `allowedAddresses`.
    pub allowed: Vec<RawText<'a>>,
    /// `key`.
    pub key: RawText<'a>,
    /// `reason`.
    pub reason: RawText<'a>,
}

/// A request to create a job.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawJob<'a> {
    /// `kind`.
    pub kind: RawText<'a>,
    /// `accountName`.
    pub account: RawText<'a>,
    /// `format`.
    pub format: RawText<'a>,
    /// `onDuplicate`.
    pub on_duplicate: RawText<'a>,
    /// `createAccounts`.
    pub create_accounts: bool,
    /// `dryRun`.
    pub dry_run: bool,
    /// `reason`.
    pub reason: RawText<'a>,
}

/// A request to list entries of the audit log.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawAudit<'a> {
    /// `after`.
    pub after: RawText<'a>,
    /// `before`.
    pub before: RawText<'a>,
    /// `order`.
    pub order: RawText<'a>,
    /// `object`.
    pub object: RawText<'a>,
    /// `actor`.
    pub actor: RawText<'a>,
    /// `action`.
    pub action: RawText<'a>,
    /// `accountId`.
    pub account: RawText<'a>,
    /// `requestId`.
    pub request_id: RawText<'a>,
    /// `since`.
    pub since: RawText<'a>,
    /// `until`.
    pub until: RawText<'a>,
    /// `pageSize`.
    pub paging: RawPaging<'a>,
}

impl RawName<'_> {
    /// The name and the reason; `field` is the name's field in the API.
    pub fn check(&self, field: &str) -> Result<(String, Option<String>), Failure> {
        let mut violations = Violations::default();
        let name = violations.required(field, self.name, INVALID_TEXT, text);
        let reason = checks::reason(&mut violations, self.reason);
        Ok(violations.finish(name.map(|name| (name, reason)))?)
    }
}

impl RawUser<'_> {
    /// The user and the reason.
    pub fn check(&self) -> Result<(NewUser, Option<String>), Failure> {
        let mut violations = Violations::default();
        let name = violations.required("username", self.name, INVALID_TEXT, user_name);
        let account = violations.required("accountName", self.account, INVALID_TEXT, text);
        let group = violations.optional("accountGroup", self.group, INVALID_TEXT, text);
        let role = violations.optional("roleName", self.role, Problem::InvalidRole, role).unwrap_or(Role::AccountAdmin);
        let reason = checks::reason(&mut violations, self.reason);
        let user = name.zip(account).map(|(name, account)| NewUser { name, account, group, role });
        Ok(violations.finish(user.map(|user| (user, reason)))?)
    }
}

impl RawUserChanges<'_> {
    /// The changes and the reason.
    pub fn check(&self) -> Result<(UserChanges, Option<String>), Failure> {
        let mut violations = Violations::default();
        let role = violations.optional("roleName", self.role, Problem::InvalidRole, role);
        let group = self.group.map(|group| violations.optional("accountGroup", group, INVALID_TEXT, text));
        let enabled = violations.optional("status", self.status, Problem::InvalidStatus, status);
        let reason = checks::reason(&mut violations, self.reason);
        Ok(violations.finish(Some((UserChanges { role, group, enabled }, reason)))?)
    }
}

impl RawKey<'_> {
    /// The terms of the key, the key itself if it is imported, and the reason.
    pub fn check(&self) -> Result<(KeyTerms, Option<String>, Option<String>), Failure> {
        let mut violations = Violations::default();
        let label = violations.optional("label", self.label, INVALID_TEXT, text);
        let lifetime = self.lifetime.map(|lifetime| lifetime.filter(|seconds| (1..=MAX_LIFETIME).contains(seconds)));
        if lifetime == Some(None) {
            violations.add("lifetimeSeconds", Problem::InvalidLifetime);
        }
        let key = violations.optional("key", self.key, Problem::InvalidKey, importable);
        let allowed = checks::ranges(&mut violations, &self.allowed);
        let reason = checks::reason(&mut violations, self.reason);
        let terms = KeyTerms { label, lifetime_seconds: lifetime.flatten(), allowed };
        Ok(violations.finish(Some((terms, key, reason)))?)
    }
}

impl RawJob<'_> {
    /// The job, and the reason.
    pub fn check(&self) -> Result<(NewJob, Option<String>), Failure> {
        let mut violations = Violations::default();
        let invalid = Problem::InvalidJob;
        let kind = violations.required("kind", self.kind, invalid, one_of(JobWork::KINDS, |kind| kind));
        let account = violations.optional("accountName", self.account, INVALID_TEXT, text);
        let format = violations.optional("format", self.format, invalid, one_of(FileFormat::ALL, FileFormat::name));
        let on_duplicate = one_of(OnDuplicate::ALL, OnDuplicate::name);
        let on_duplicate = violations.optional("onDuplicate", self.on_duplicate, invalid, on_duplicate);
        let reason = checks::reason(&mut violations, self.reason);
        let options = ImportOptions {
            create_accounts: self.create_accounts,
            on_duplicate: on_duplicate.unwrap_or(OnDuplicate::Fail),
            dry_run: self.dry_run,
        };
        let job = kind.map(|kind| match kind {
            "import" => NewJob::Import { format, account, options },
            "export" => NewJob::Export { format: format.unwrap_or(FileFormat::Csv), account },
            _ => NewJob::Backup,
        });
        Ok(violations.finish(job.map(|job| (job, reason)))?)
    }
}

impl RawAudit<'_> {
    /// The query.
    pub fn check(&self) -> Result<AuditQuery, Failure> {
        let mut violations = Violations::default();
        let (invalid, invalid_date) = (Problem::InvalidRequest, Problem::InvalidDateFormat);
        let invalid_account = Problem::InvalidAccountId;
        let filter = AuditFilter {
            object: violations.optional("object", self.object, invalid, object),
            related: Vec::new(),
            actor: violations.optional("actor", self.actor, invalid, Actor::parse),
            action: violations.optional("action", self.action, invalid, Action::from_name),
            account: violations.optional("accountId", self.account, invalid_account, AccountId::from_digits),
            request_id: violations.optional("requestId", self.request_id, invalid, |id| Some(id.to_owned())),
            since: violations.optional("since", self.since, invalid_date, Timestamp::from_iso8601),
            until: violations.optional("until", self.until, invalid_date, Timestamp::from_iso8601),
        };
        let after = violations.optional("after", self.after, invalid, sequence).unwrap_or(0);
        let before = violations.optional("before", self.before, invalid, sequence);
        let order = violations.optional("order", self.order, invalid, AuditOrder::from_name).unwrap_or_default();
        let limit = self.paging.check_into(&mut violations).size;
        let query = AuditQuery { after, before, order, filter, limit, ..AuditQuery::default() };
        Ok(violations.finish(Some(query))?)
    }
}

/// Checks a request that consists of a reason only.
pub fn reason(raw: RawText<'_>) -> Result<Option<String>, Failure> {
    let mut violations = Violations::default();
    let reason = checks::reason(&mut violations, raw);
    Ok(violations.finish(Some(reason))?)
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
    fn all_violations_are_reported_at_once() {
        let bad = RawText::Text(" ");
        let user = RawUser { name: RawText::Text("a:b"), group: bad, role: bad, reason: bad, ..RawUser::default() };
        let expected = [
            ("accountName", Problem::RequiredFieldsMissing),
            ("username", Problem::InvalidText),
            ("accountGroup", Problem::InvalidText),
            ("reason", Problem::InvalidText),
            ("roleName", Problem::InvalidRole),
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
    fn a_key_has_at_most_fifty_address_ranges() {
        let check =
            |count| problems(RawKey { allowed: vec![RawText::Text("::1"); count], ..RawKey::default() }.check());
        assert!(check(0).is_empty() && check(50).is_empty());
        for count in [51, 52] {
            assert_eq!(check(count), [("allowedAddresses".to_owned(), Problem::InvalidAddressRange)], "{count}");
        }
    }

    #[test]
    fn an_absent_group_is_kept_and_a_null_group_is_removed() {
        let group =
            |group| RawUserChanges { group, ..RawUserChanges::default() }.check().map(|(changes, _)| changes.group);
        assert_eq!(group(None).ok(), Some(None));
        assert_eq!(group(Some(RawText::Absent)).ok(), Some(Some(None)));
        assert_eq!(group(Some(RawText::Text("West"))).ok(), Some(Some(Some("West".into()))));
        assert!(group(Some(RawText::Text(""))).is_err());
    }
}
