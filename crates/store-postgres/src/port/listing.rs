//! Listing customers in the order of their ids, in steps.
//!
//! A step reads a bounded number of customers in one statement, so a long listing holds no snapshot for long. A step begins
//! after the last id of the one before, so the cost of a page does not grow with the number of customers before it.

use crate::{
    core::PARTITION_NUMBER,
    error::DatabaseError,
    port::rows::{limit, number, stored_customer},
    session::{Session, Values},
    sessions::Sessions,
};
use carnelian_domain::{AccountId, CustomerId, Timestamp};
use carnelian_store::{ListCustomers, StoredCustomer};
use tokio_postgres::Row;

/// How many customers a step reads.
const STEP: usize = 1000;

/// The smallest number of customers that a step reads in each account.
const ACCOUNT_STEP: usize = 16;

/// The next customers of an account, whether they match, and their contents if so.
const OF_ACCOUNT: &str = "
    SELECT id, is_meant, account_id, name, ship_to_bill_address, CASE WHEN is_meant THEN sealed END, version
    FROM (
        SELECT id, account_id, name, ship_to_bill_address, sealed, version,
            modified_at >= $4 AND ($5::TEXT IS NULL OR left(unique_name, char_length($5)) = $5) AS is_meant
        FROM customer WHERE partition = $1 AND account_id = $6 AND id > $2 ORDER BY id LIMIT $3
    ) AS step
    ORDER BY id";

/// The same for all accounts.
const OF_ALL: &str = "
    SELECT id, is_meant, account_id, name, ship_to_bill_address, CASE WHEN is_meant THEN sealed END, version
    FROM (
        SELECT id, account_id, name, ship_to_bill_address, sealed, version,
            modified_at >= $4 AND ($5::TEXT IS NULL OR left(unique_name, char_length($5)) = $5) AS is_meant
        FROM customer WHERE partition = $1 AND id > $2 ORDER BY id LIMIT $3
    ) AS step
    ORDER BY id";

/// The customers with a name, of which each account has one at most.
const BY_NAME: &str = "
    SELECT id, TRUE, account_id, name, ship_to_bill_address, sealed, version FROM customer
    WHERE partition = $1 AND account_id = ANY ($6) AND unique_name = $7 AND id > $2 AND modified_at >= $4
        AND ($5::TEXT IS NULL OR left(unique_name, char_length($5)) = $5)
    ORDER BY id LIMIT $3";

const ACCOUNTS: &str = "SELECT id FROM account WHERE partition = $1 AND state <> 2";

/// Lists customers.
pub(crate) async fn list(
    sessions: &Sessions,
    list: &ListCustomers,
) -> Result<Vec<(CustomerId, StoredCustomer)>, DatabaseError> {
    let session = sessions.reader().await?;
    let mut scan = Scan::new(list);
    if let Some(name) = &list.filter.unique_name {
        let rows = scan.by_name(&session, name).await?;
        scan.visit(&rows);
    } else {
        let mut size = list.skip.saturating_add(list.limit).min(STEP);
        while size > 0 && scan.step(&session, size).await? {
            size = STEP;
        }
    }
    Ok(scan.found)
}

/// A scan of customers, and what it has found so far.
struct Scan<'a> {
    list: &'a ListCustomers,
    /// The accounts in the filter, sorted and without duplicates; `None` for all accounts.
    accounts: Option<Vec<i64>>,
    after: i64,
    skip: usize,
    found: Vec<(CustomerId, StoredCustomer)>,
}

impl Scan<'_> {
    fn new(list: &ListCustomers) -> Scan<'_> {
        let accounts = list.filter.accounts.as_ref().map(|accounts| {
            let mut accounts: Vec<_> = accounts.iter().map(|account: &AccountId| account.0.cast_signed()).collect();
            accounts.sort_unstable();
            accounts.dedup();
            accounts
        });
        Scan { list, accounts, after: list.after.0.cast_signed(), skip: list.skip, found: Vec::new() }
    }

    fn since(&self) -> i64 {
        self.list.filter.modified_since.unwrap_or(Timestamp(i64::MIN)).0
    }

    /// Every customer that matches a filter with a name.
    async fn by_name(&self, session: &Session, name: &str) -> Result<Vec<Row>, DatabaseError> {
        let accounts = match &self.accounts {
            Some(accounts) => accounts.clone(),
            None => session.rows(ACCOUNTS, &[&PARTITION_NUMBER]).await?.iter().map(|row| row.get(0)).collect(),
        };
        let limit = limit(self.list.skip.saturating_add(self.list.limit));
        let prefix = &self.list.filter.name_prefix;
        session.rows(BY_NAME, &[&PARTITION_NUMBER, &self.after, &limit, &self.since(), prefix, &accounts, &name]).await
    }

    /// Reads about `size` further customers; returns whether another step is needed.
    async fn step(&mut self, session: &Session, size: usize) -> Result<bool, DatabaseError> {
        let (rows, end) = match &self.accounts {
            Some(accounts) => self.next_of_accounts(session, accounts, size).await?,
            None => self.next_of_all(session, size).await?,
        };
        self.visit(&rows);
        self.after = end.unwrap_or(self.after);
        Ok(end.is_some() && self.found.len() < self.list.limit)
    }

    /// Adds the customers among these rows that match, as far as they are wanted.
    fn visit(&mut self, rows: &[Row]) {
        for row in rows.iter().filter(|row| row.get(1)) {
            if self.skip > 0 {
                self.skip -= 1;
            } else if self.found.len() < self.list.limit {
                self.found.push((CustomerId(number(row, 0)), stored_customer(row, 2)));
            }
        }
    }

    /// The next customers of all accounts, and after which id the next step begins if there may be more.
    async fn next_of_all(&self, session: &Session, size: usize) -> Result<(Vec<Row>, Option<i64>), DatabaseError> {
        let prefix = &self.list.filter.name_prefix;
        let rows = session.rows(OF_ALL, &[&PARTITION_NUMBER, &self.after, &limit(size), &self.since(), prefix]).await?;
        let end = rows.last().filter(|_| rows.len() == size).map(|last| last.get(0));
        Ok((rows, end))
    }

    /// The next customers of some accounts together, and after which id the next step begins if there may be more.
    ///
    /// The same number is read of each account. The result ends at the lowest id at which one of them may have more.
    async fn next_of_accounts(
        &self,
        session: &Session,
        accounts: &[i64],
        size: usize,
    ) -> Result<(Vec<Row>, Option<i64>), DatabaseError> {
        let size = (size / accounts.len().max(1)).max(ACCOUNT_STEP);
        let (limit, since, prefix) = (limit(size), self.since(), &self.list.filter.name_prefix);
        let mut rows: Vec<Row> = Vec::new();
        let mut end = None::<i64>;
        // In portions, so that the results of a few thousand customers at most are in memory.
        for accounts in accounts.chunks(STEP / ACCOUNT_STEP) {
            let values: Vec<[_; 6]> = accounts
                .iter()
                .map(|account| -> [&(dyn tokio_postgres::types::ToSql + Sync); 6] {
                    [&PARTITION_NUMBER, &self.after, &limit, &since, prefix, account]
                })
                .collect();
            let steps: Vec<_> = values.iter().map(|values| -> (_, Values<'_>) { (OF_ACCOUNT, values) }).collect();
            for done in session.run_all(&steps).await? {
                if let Some(last) = done.rows.last().filter(|_| done.rows.len() == size) {
                    let last = last.get(0);
                    end = Some(end.map_or(last, |end| end.min(last)));
                }
                rows.extend(done.rows);
            }
        }
        rows.retain(|row| end.is_none_or(|end| row.get::<_, i64>(0) <= end));
        rows.sort_unstable_by_key(|row| row.get::<_, i64>(0));
        Ok((rows, end))
    }
}
