//! Export: every customer, in the order of their ids.

use crate::{App, Failure, customers::CustomerDetails};
use carnelian_domain::{AccountId, Action, CustomerId, Object, Origin, Problem};
use carnelian_store::{AuditEntry, CustomerFilter, ListCustomers, PartitionId};

/// How many customers are read at once.
const PAGE: usize = 1000;

/// An export that is going on.
pub struct CustomerExport<'a> {
    app: &'a App,
    accounts: Option<Vec<AccountId>>,
    after: CustomerId,
}

impl App {
    /// Starts an export of one account or of all, and records it in the audit log.
    pub async fn export_customers(
        &self,
        account: Option<&str>,
        origin: &Origin,
    ) -> Result<CustomerExport<'_>, Failure> {
        let account = match account {
            Some(name) => Some(self.account_for_transfer(name).await?.ok_or(Problem::AccountNotFound)?.id),
            None => None,
        };
        let object = account.map_or(Object::Registry, Object::Account);
        let partition = account.map_or(PartitionId::FIRST, |account| self.store.partition_of(account));
        let entry = AuditEntry::record(origin, Action::ExportCustomers, object, account, &[]);
        self.store.append_audit(partition, vec![entry]).await?;
        Ok(CustomerExport { app: self, accounts: account.map(|account| vec![account]), after: CustomerId(0) })
    }
}

impl CustomerExport<'_> {
    /// The next customers in the order of their ids; none at the end.
    pub async fn next_page(&mut self) -> Result<Option<Vec<CustomerDetails>>, Failure> {
        let filter = CustomerFilter { accounts: self.accounts.clone(), ..CustomerFilter::default() };
        let list = ListCustomers { filter, after: self.after, skip: 0, limit: PAGE };
        let found = self.app.store.list_customers(&list).await?;
        let Some((last, _)) = found.last() else { return Ok(None) };
        self.after = *last;
        if found.iter().any(|(_, customer)| self.app.directory.load().account(customer.account).is_none()) {
            self.app.refresh_directory().await?;
        }
        let directory = self.app.directory.load();
        // What belonged to an account that has been erased meanwhile is gone.
        let opened = found.into_iter().filter_map(|(id, customer)| {
            let account = directory.account(customer.account)?;
            Some(self.app.opened(id, customer, account))
        });
        opened.collect::<Result<_, _>>().map(Some)
    }
}
