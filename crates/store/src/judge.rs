//! The conflicts of customer writes, in the order in which they are reported.
//!
//! An adapter looks up, inside the transaction of the write, what these functions take, and refuses the write with the
//! conflict that they return. So every engine refuses for the same reason.

use crate::{Conflict, EditCustomer};
use carnelian_domain::{AccountId, AccountState, audit::ANY_FIELD};

/// A customer as the transaction that writes it finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundCustomer {
    /// The account that it belongs to.
    pub account: AccountId,
    /// Its version.
    pub version: u64,
}

/// Checks that customers can be written in an account; `None` is an account that does not exist.
///
/// # Errors
/// [`Conflict::NoSuchAccount`] or [`Conflict::ErasureInProgress`].
pub fn check_account(state: Option<AccountState>) -> Result<(), Conflict> {
    match state {
        Some(AccountState::Active) => Ok(()),
        Some(AccountState::ErasureInProgress) => Err(Conflict::ErasureInProgress),
        Some(AccountState::Erased) | None => Err(Conflict::NoSuchAccount),
    }
}

/// Checks a create: the account first, then the name.
///
/// # Errors
/// Those of [`check_account`], then [`Conflict::NameTaken`].
pub fn check_create(account: Option<AccountState>, name_is_taken: bool) -> Result<(), Conflict> {
    check_account(account)?;
    if name_is_taken { Err(Conflict::NameTaken) } else { Ok(()) }
}

/// Checks that a customer exists and is still in the account that the caller saw it in.
///
/// # Errors
/// [`Conflict::NoSuchCustomer`], then [`Conflict::CustomerMoved`].
pub fn check_found(found: Option<FoundCustomer>, seen_in: AccountId) -> Result<FoundCustomer, Conflict> {
    let found = found.ok_or(Conflict::NoSuchCustomer)?;
    if found.account == seen_in { Ok(found) } else { Err(Conflict::CustomerMoved) }
}

/// Checks that a customer has one of the versions that the caller expects, if it expects some.
///
/// # Errors
/// [`Conflict::StaleVersion`].
pub fn check_version(found: FoundCustomer, expected: Option<&[u64]>) -> Result<(), Conflict> {
    let stale = expected.is_some_and(|expected| !expected.contains(&found.version));
    if stale { Err(Conflict::StaleVersion) } else { Ok(()) }
}

/// Checks an edit of a customer that passed [`check_found`]: the account that it moves to, the account that it is in,
/// the version, then the name.
///
/// # Errors
/// Those of [`check_account`] and [`check_version`], then [`Conflict::NameTaken`].
pub fn check_edit(
    found: FoundCustomer,
    expected_versions: Option<&[u64]>,
    new_account: Option<AccountState>,
    old_account: Option<AccountState>,
    name_is_taken: bool,
) -> Result<(), Conflict> {
    check_account(new_account)?;
    check_account(old_account)?;
    check_version(found, expected_versions)?;
    if name_is_taken { Err(Conflict::NameTaken) } else { Ok(()) }
}

/// The fields that the audit log lists for an edit.
///
/// The caller compared them with the version that it saw. If another write came in between, any field may differ.
pub fn audited_fields(edit: &EditCustomer, found: FoundCustomer) -> &[&'static str] {
    if found.version == edit.seen_version { &edit.changed_fields } else { &[ANY_FIELD] }
}

/// Checks that a request with a known idempotency key is the request that was made with it.
///
/// # Errors
/// [`Conflict::IdempotencyKeyReused`].
pub fn check_fingerprint(stored: &[u8], sent: &[u8]) -> Result<(), Conflict> {
    if stored == sent { Ok(()) } else { Err(Conflict::IdempotencyKeyReused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: AccountId = AccountId(1);
    const FOUND: FoundCustomer = FoundCustomer { account: HERE, version: 3 };
    const ACTIVE: Option<AccountState> = Some(AccountState::Active);
    const ERASING: Option<AccountState> = Some(AccountState::ErasureInProgress);

    #[test]
    fn a_create_reports_the_account_before_the_name() {
        assert_eq!(check_create(ACTIVE, false), Ok(()));
        assert_eq!(check_create(ACTIVE, true), Err(Conflict::NameTaken));
        assert_eq!(check_create(ERASING, true), Err(Conflict::ErasureInProgress));
        for gone in [None, Some(AccountState::Erased)] {
            assert_eq!(check_create(gone, true), Err(Conflict::NoSuchAccount));
        }
    }

    #[test]
    fn an_edit_reports_accounts_then_the_version_then_the_name() {
        let edit = |new, old, expected: &[u64], taken| check_edit(FOUND, Some(expected), new, old, taken);
        assert_eq!(edit(None, ERASING, &[1], true), Err(Conflict::NoSuchAccount));
        assert_eq!(edit(ACTIVE, ERASING, &[1], true), Err(Conflict::ErasureInProgress));
        assert_eq!(edit(ACTIVE, ACTIVE, &[1], true), Err(Conflict::StaleVersion));
        assert_eq!(edit(ACTIVE, ACTIVE, &[1, 3], true), Err(Conflict::NameTaken));
        assert_eq!(edit(ACTIVE, ACTIVE, &[3], false), Ok(()));
    }

    #[test]
    fn a_customer_that_is_gone_is_reported_before_one_that_has_moved() {
        assert_eq!(check_found(None, HERE), Err(Conflict::NoSuchCustomer));
        assert_eq!(check_found(Some(FOUND), AccountId(2)), Err(Conflict::CustomerMoved));
        assert_eq!(check_found(Some(FOUND), HERE), Ok(FOUND));
    }
}
