//! Customers: create, read, list, edit and erase. The permission is checked before anything is read.

mod changes;

use crate::{
    App, Failure,
    authenticate::ATTEMPTS,
    directory::Account,
    failure::Internal,
    idempotency::{IdempotencyCheck, Idempotent, InFlightGuard},
    permit, sealing,
};
use carnelian_domain::{
    AccountId, AccountState, Action, Caller, CustomerDraft, CustomerField, CustomerId, Listing, Object, Origin, Page,
    Permission, PersonalDetails, Problem, RawCustomer, RawListing, Scope,
};
use carnelian_store::{
    AuditEntry, Conflict, CustomerFilter, EditCustomer, EraseCustomer, ListCustomers, NewCustomer, StoreError,
    StoredCustomer,
};
use std::{borrow::Cow, sync::Arc};

pub use carnelian_store::Written;
pub(crate) use changes::changed_fields;

/// The permission of a caller to read customers.
pub struct CustomerReader<'a> {
    app: &'a App,
    caller: &'a Caller,
    origin: &'a Origin,
}

/// The permission of a caller to write customers.
pub struct CustomerWriter<'a> {
    app: &'a App,
    caller: &'a Caller,
    origin: &'a Origin,
}

/// The versions of a customer that a write accepts; by default any, so that the last write wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptedVersions {
    /// Only these; `None` for any.
    pub only: Option<Vec<u64>>,
    /// None of these.
    pub except: Vec<u64>,
}

impl AcceptedVersions {
    fn include(&self, version: u64) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&version)) && !self.except.contains(&version)
    }

    /// The versions that the store is to expect of a customer that had this one when it was read.
    fn expected(&self, seen: u64) -> Option<Vec<u64>> {
        if self.except.is_empty() {
            return self.only.clone();
        }
        Some(if self.include(seen) { vec![seen] } else { Vec::new() })
    }

    /// Whether a write that the store refused as stale is to be tried again: another version than the one that was read may
    /// be accepted as well.
    fn may_accept_another(&self, seen: u64) -> bool {
        !self.except.is_empty() && self.include(seen)
    }
}

/// A customer as visible to a caller.
#[derive(Debug)]
pub struct CustomerDetails {
    /// Its id.
    pub id: CustomerId,
    /// The account that it belongs to.
    pub account: AccountId,
    /// That account's name.
    pub account_name: Arc<str>,
    /// Its name as received.
    pub name: String,
    /// Whether the billing address is shown as the shipping address.
    pub ship_to_bill_address: bool,
    /// Its other data, without the security answer if the caller may not write customers.
    pub details: PersonalDetails,
    /// Its version: the number of its writes.
    pub version: u64,
}

impl App {
    /// The permission to read customers, if the caller's role grants it.
    pub fn customer_reader<'a>(
        &'a self,
        caller: &'a Caller,
        origin: &'a Origin,
    ) -> Result<CustomerReader<'a>, Failure> {
        permit(caller, Permission::ReadCustomers)?;
        Ok(CustomerReader { app: self, caller, origin })
    }

    /// The permission to write customers, if the caller's role grants it.
    pub fn customer_writer<'a>(
        &'a self,
        caller: &'a Caller,
        origin: &'a Origin,
    ) -> Result<CustomerWriter<'a>, Failure> {
        permit(caller, Permission::WriteCustomers)?;
        Ok(CustomerWriter { app: self, caller, origin })
    }

    /// The account with a name in the caller's scope, also if another process has just created it.
    async fn account_in_scope(&self, caller: &Caller, name: &str) -> Result<Arc<Account>, Failure> {
        let find = || self.directory.load().account_named(name, &caller.scope).cloned();
        if let Some(account) = find() {
            return Ok(account);
        }
        self.refresh_directory().await?;
        find().ok_or_else(|| Problem::AccountNotFound.into())
    }

    /// Fails if customers may not be written in an account, since it is being erased. The store checks that, too, but in a
    /// row that may have been altered since the directory was last verified.
    async fn check_not_being_erased(&self, account: &Account) -> Result<(), Failure> {
        if account.state == AccountState::Active {
            return Ok(());
        }
        // Another process may have just cancelled the erasure.
        self.refresh_directory().await?;
        let directory = self.directory.load();
        let is_active = directory.account(account.id).is_some_and(|account| account.state == AccountState::Active);
        if is_active { Ok(()) } else { Err(Problem::ErasureInProgress.into()) }
    }

    /// A customer in the caller's scope, and its account.
    async fn customer_in_scope(
        &self,
        caller: &Caller,
        id: CustomerId,
    ) -> Result<(StoredCustomer, Arc<Account>), Failure> {
        let customer = self.store.customer(id).await?;
        let customer = customer.filter(|customer| caller.scope.includes(customer.account));
        let customer = customer.ok_or(Problem::CustomerNotFound)?;
        if self.directory.load().account(customer.account).is_none() {
            self.refresh_directory().await?;
        }
        let account = self.directory.load().account(customer.account).cloned();
        Ok((customer, account.ok_or(Problem::CustomerNotFound)?))
    }

    /// The draft in the store's form, sealed with the key of its account.
    pub(crate) fn sealed(
        &self,
        id: CustomerId,
        account: &Account,
        draft: CustomerDraft,
    ) -> Result<NewCustomer, Failure> {
        Ok(NewCustomer {
            id,
            account: account.id,
            unique_name: draft.name.unique_form(),
            name: draft.name.0.as_str().to_owned(),
            ship_to_bill_address: draft.ship_to_bill_address,
            sealed: sealing::seal(account.key()?, &*self.entropy, account.id, id, &draft.details),
        })
    }

    /// The customer with its personal data opened.
    pub(crate) fn opened(
        &self,
        id: CustomerId,
        customer: StoredCustomer,
        account: &Account,
    ) -> Result<CustomerDetails, Failure> {
        let details = sealing::open(account.key()?, account.id, id, &customer.sealed)
            .map_err(|error| Failure::Internal(Internal::new(format!("customer {id}: {error}"))))?;
        Ok(CustomerDetails {
            id,
            account: account.id,
            account_name: account.name.clone(),
            name: customer.name,
            ship_to_bill_address: customer.ship_to_bill_address,
            details,
            version: customer.version,
        })
    }
}

impl CustomerWriter<'_> {
    /// Creates a customer. Once this returns, the customer is on stable storage.
    ///
    /// A request with an idempotency key takes effect once; a repetition returns the same result.
    pub async fn create_customer(
        &self,
        raw: &RawCustomer<'_>,
        request: Option<Idempotent<'_>>,
    ) -> Result<Written, Failure> {
        let guard = match self.app.check_idempotency(self.caller, request, &[b"create_customer"]).await? {
            IdempotencyCheck::Done(written) => return self.replayed(written, Problem::AccountNotFound).await,
            IdempotencyCheck::New(guard) => guard,
        };
        for _ in 0..ATTEMPTS {
            match self.try_create(raw, guard.as_ref()).await? {
                Err(StoreError::Conflict(Conflict::DirectoryChanged)) => drop(self.app.refresh_directory().await?),
                written => return Ok(written?),
            }
        }
        Err(kept_changing())
    }

    /// Creates a customer if the caller's rights are still the same in the transaction of the store.
    async fn try_create(
        &self,
        raw: &RawCustomer<'_>,
        guard: Option<&InFlightGuard>,
    ) -> Result<Result<Written, StoreError>, Failure> {
        let draft = self.app.rules.check(raw)?;
        let account = self.app.account_in_scope(self.caller, draft.account_name.as_str()).await?;
        let id = self.app.customer_ids.next(account.id).await?;
        // The caller's rights may have changed while ids were reserved.
        let caller = self.confirmed().await?;
        let account = match &caller {
            Cow::Borrowed(_) => account,
            Cow::Owned(caller) => self.app.account_in_scope(caller, draft.account_name.as_str()).await?,
        };
        self.app.check_not_being_erased(&account).await?;
        let new = self.app.sealed(id, &account, draft)?;
        let origin = self.origin_of(&caller);
        Ok(self.app.store.create_customer(new, &origin, guard.map(InFlightGuard::key)).await)
    }

    /// Replaces a customer, and moves it if the request names another account in the caller's scope.
    ///
    /// The id is `None` when the path held none; that is one violation among those of the body. The customer must have one
    /// of the accepted versions. A request that may be sent again is carried out once.
    pub async fn edit_customer(
        &self,
        id: Option<CustomerId>,
        accepted: &AcceptedVersions,
        raw: &RawCustomer<'_>,
        request: Option<Idempotent<'_>>,
    ) -> Result<Written, Failure> {
        let target = id.map_or([0; 8], |id| id.0.to_be_bytes());
        let guard = match self.app.check_idempotency(self.caller, request, &[b"edit_customer", &target]).await? {
            IdempotencyCheck::Done(written) => return self.replayed(written, Problem::CustomerNotFound).await,
            IdempotencyCheck::New(guard) => guard,
        };
        let (draft, id) = self.check_edit(id, raw)?;
        for _ in 0..ATTEMPTS {
            let (current, old_account) = self.app.customer_in_scope(self.caller, id).await?;
            // The caller's rights may have changed during the reads.
            let caller = self.confirmed_in(current.account).await?;
            let account = self.app.account_in_scope(&caller, draft.account_name.as_str()).await?;
            self.app.check_not_being_erased(&old_account).await?;
            self.app.check_not_being_erased(&account).await?;
            let edit = EditCustomer {
                changed_fields: changed_fields(id, &current, &old_account, &draft),
                customer: self.app.sealed(id, &account, draft.clone())?,
                seen_in: current.account,
                seen_version: current.version,
                expected_versions: accepted.expected(current.version),
            };
            let origin = self.origin_of(&caller);
            match self.app.store.edit_customer(edit, &origin, guard.as_ref().map(InFlightGuard::key)).await {
                Err(StoreError::Conflict(Conflict::DirectoryChanged)) => drop(self.app.refresh_directory().await?),
                Err(StoreError::Conflict(Conflict::CustomerMoved)) => {}
                Err(StoreError::Conflict(Conflict::StaleVersion)) if accepted.may_accept_another(current.version) => {}
                written => return Ok(written?),
            }
        }
        Err(kept_changing())
    }

    /// Erases a customer for good; the id is `None` when the path held none. Accepted versions are as with an edit.
    pub async fn erase_customer(
        &self,
        id: Option<CustomerId>,
        accepted: &AcceptedVersions,
    ) -> Result<Written, Failure> {
        let id = id.ok_or_else(|| Failure::Violations(vec![invalid_customer_id()]))?;
        for _ in 0..ATTEMPTS {
            let (current, _) = self.app.customer_in_scope(self.caller, id).await?;
            let origin = self.origin_of(&*self.confirmed_in(current.account).await?);
            let expected_versions = accepted.expected(current.version);
            let erase = EraseCustomer { id, seen_in: current.account, expected_versions };
            match self.app.store.erase_customer(erase, &origin).await {
                Err(StoreError::Conflict(Conflict::DirectoryChanged)) => drop(self.app.refresh_directory().await?),
                Err(StoreError::Conflict(Conflict::CustomerMoved)) => {}
                Err(StoreError::Conflict(Conflict::StaleVersion)) if accepted.may_accept_another(current.version) => {}
                written => return Ok(written?),
            }
        }
        Err(kept_changing())
    }

    /// An earlier write as the answer to a repetition. The caller's rights may have ended since the write, also while it was
    /// looked up; outside the scope it is answered as an unknown object.
    async fn replayed(&self, written: Written, unknown: Problem) -> Result<Written, Failure> {
        let caller = self.confirmed().await?;
        if caller.scope.includes(written.account) { Ok(written) } else { Err(unknown.into()) }
    }

    /// The caller with the newest rights, if they still allow writes.
    async fn confirmed(&self) -> Result<Cow<'_, Caller>, Failure> {
        let caller = self.app.confirm(self.caller).await?.map_or(Cow::Borrowed(self.caller), Cow::Owned);
        permit(&caller, Permission::WriteCustomers)?;
        Ok(caller)
    }

    /// The same, for a write of a customer of an account.
    async fn confirmed_in(&self, account: AccountId) -> Result<Cow<'_, Caller>, Failure> {
        let caller = self.confirmed().await?;
        if caller.scope.includes(account) { Ok(caller) } else { Err(Problem::CustomerNotFound.into()) }
    }

    /// The origin of a write of the caller, whose rights were confirmed.
    fn origin_of(&self, caller: &Caller) -> Origin {
        self.origin.confirmed_with(caller.sign_in.as_ref().map(|sign_in| sign_in.directory_version))
    }

    fn check_edit(
        &self,
        id: Option<CustomerId>,
        raw: &RawCustomer<'_>,
    ) -> Result<(CustomerDraft, CustomerId), Failure> {
        match (self.app.rules.check(raw), id) {
            (Ok(draft), Some(id)) => Ok((draft, id)),
            (Err(violations), Some(_)) => Err(Failure::Violations(violations)),
            (draft, None) => {
                let mut violations = draft.err().unwrap_or_default();
                violations.push(invalid_customer_id());
                Err(Failure::Violations(violations))
            }
        }
    }
}

impl CustomerReader<'_> {
    /// Reads a customer, of which some fields are shown; the id is `None` when the path held none.
    pub async fn get_customer(
        &self,
        id: Option<CustomerId>,
        fields: &[CustomerField],
    ) -> Result<CustomerDetails, Failure> {
        let id = id.ok_or_else(|| Failure::Violations(vec![invalid_customer_id()]))?;
        let (customer, account) = self.app.customer_in_scope(self.caller, id).await?;
        let customer = self.details(id, customer, &account)?;
        self.record_answers(std::slice::from_ref(&customer), fields).await?;
        Ok(customer)
    }

    /// Records whose security answers the caller is about to see. They are shown only if that is on stable storage.
    async fn record_answers(&self, customers: &[CustomerDetails], fields: &[CustomerField]) -> Result<(), Failure> {
        if !self.app.audits_answers || !fields.contains(&CustomerField::SecurityAnswer) {
            return Ok(());
        }
        let entry = |customer: &CustomerDetails| {
            let (action, object) = (Action::ReadSecurityAnswer, Object::Customer(customer.id));
            AuditEntry::record(self.origin, action, object, Some(customer.account), &[])
        };
        for partition in self.app.store.partitions() {
            let is_shown = |customer: &&CustomerDetails| {
                customer.details.security_answer.is_some() && self.app.store.partition_of(customer.account) == partition
            };
            let entries: Vec<_> = customers.iter().filter(is_shown).map(entry).collect();
            if !entries.is_empty() {
                self.app.store.append_audit(partition, entries).await?;
            }
        }
        Ok(())
    }

    /// Lists customers in the order of their ids, and returns the requested fields.
    pub async fn list_customers(
        &self,
        raw: &RawListing<'_>,
    ) -> Result<(Page<CustomerDetails>, Vec<CustomerField>), Failure> {
        let listing = self.app.rules.check_listing(raw)?;
        let (paging, accounts) = (listing.paging, self.accounts_of(&listing).await?);
        let (unique_name, name_prefix, search) = (listing.unique_name, listing.name_prefix, listing.search);
        let modified_since = listing.modified_since;
        let filter = CustomerFilter { accounts, unique_name, name_prefix, search, modified_since };
        let after = listing.after.unwrap_or(CustomerId(0));
        let list = ListCustomers { filter, after, skip: paging.skipped(), limit: paging.size + 1 };
        let found = self.app.store.list_customers(&list).await?;
        if found.iter().any(|(_, customer)| self.app.directory.load().account(customer.account).is_none()) {
            self.app.refresh_directory().await?;
        }
        let directory = self.app.directory.load();
        let details = |(id, customer): (CustomerId, StoredCustomer)| {
            // Customers of an account that was erased meanwhile are left out.
            let account = directory.account(customer.account)?;
            Some(self.details(id, customer, account))
        };
        let page = paging.page_of(found);
        let entries = page.entries.into_iter().filter_map(details).collect::<Result<Vec<_>, _>>()?;
        self.record_answers(&entries, &listing.fields).await?;
        Ok((Page { number: page.number, entries, last: page.last }, listing.fields))
    }

    /// The accounts of a listing; `None` for every account.
    async fn accounts_of(&self, listing: &Listing) -> Result<Option<Vec<AccountId>>, Failure> {
        if let Some(name) = &listing.account_name {
            return Ok(Some(vec![self.app.account_in_scope(self.caller, name).await?.id]));
        }
        Ok(match &*self.caller.scope {
            Scope::Every => None,
            Scope::Accounts(accounts) => Some(accounts.clone()),
        })
    }

    /// A customer as visible to the caller.
    fn details(&self, id: CustomerId, customer: StoredCustomer, account: &Account) -> Result<CustomerDetails, Failure> {
        let mut customer = self.app.opened(id, customer, account)?;
        if !self.caller.role.allows(Permission::WriteCustomers) {
            customer.details.security_answer = None;
        }
        Ok(customer)
    }
}

fn invalid_customer_id() -> carnelian_domain::Violation {
    carnelian_domain::Violation::new("customerId", Problem::InvalidCustomerId)
}

fn kept_changing() -> Failure {
    Failure::Unavailable(Internal::new("the customer, or the directory, kept changing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_expects_the_versions_that_its_conditions_accept_and_is_tried_again_while_another_one_may_be() {
        type Case<'a> = (Option<&'a [u64]>, &'a [u64], Option<&'a [u64]>, bool);
        let cases: [Case<'_>; 8] = [
            (None, &[], None, false),
            (Some(&[3, 4]), &[], Some(&[3, 4]), false),
            (Some(&[4]), &[], Some(&[4]), false),
            (None, &[4], Some(&[3]), true),
            (None, &[3], Some(&[]), false),
            (Some(&[3, 4]), &[4], Some(&[3]), true),
            (Some(&[4]), &[5], Some(&[]), false),
            (Some(&[3]), &[3], Some(&[]), false),
        ];
        for (only, except, expected, tried_again) in cases {
            let accepted = AcceptedVersions { only: only.map(<[u64]>::to_vec), except: except.to_vec() };
            assert_eq!(accepted.expected(3).as_deref(), expected, "{accepted:?}");
            assert_eq!(accepted.may_accept_another(3), tried_again, "{accepted:?}");
        }
    }
}
