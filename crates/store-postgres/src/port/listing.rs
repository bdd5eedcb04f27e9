//! Listing customers in the order of their ids, in steps.
//!
//! A step reads a bounded number of customers in one statement, so a long listing holds no snapshot for long. A step begins
//! after the last id of the one before, so the cost of a page does not grow with the number of customers before it.
//!
//! Where a filter has a condition that an index serves, the index finds the customers: a name, or else words or the
//! beginning of a name, or else the moment of the last write ([`by_block`]).

mod by_block;

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

/// The next customers of an account. The second column is the same as in all listings.
const OF_ACCOUNT: &str = "
    SELECT id, unique_name, account_id, name, ship_to_bill_address, sealed, version FROM customer
    WHERE partition = $1 AND account_id = $4 AND id > $2 ORDER BY id LIMIT $3";

/// The same for all accounts.
const OF_ALL: &str = "
    SELECT id, unique_name, account_id, name, ship_to_bill_address, sealed, version FROM customer
    WHERE partition = $1 AND id > $2 ORDER BY id LIMIT $3";

/// The customers with a name, of which each account has one at most.
const BY_NAME: &str = "
    SELECT id, unique_name, account_id, name, ship_to_bill_address, sealed, version FROM customer
    WHERE partition = $1 AND account_id = ANY ($5) AND unique_name = $6 AND id > $2 AND modified_at >= $4
    ORDER BY id LIMIT $3";

const ACCOUNTS: &str = "SELECT id FROM account WHERE partition = $1 AND state <> 2";

/// Lists customers.
pub(crate) async fn list(
    sessions: &Sessions,
    list: &ListCustomers,
) -> Result<Vec<(CustomerId, StoredCustomer)>, DatabaseError> {
    let session = sessions.reader().await?;
    let mut scan = Scan::new(list);
    let words = list.filter.indexed_words();
    if list.limit == 0 {
        return Ok(scan.found);
    }
    if let Some(name) = &list.filter.unique_name {
        if list.filter.matches_name(name) {
            let rows = scan.by_name(&session, name).await?;
            scan.visit(&rows);
        }
    } else if !words.is_empty() {
        scan.by_words(&session, words).await?;
    } else if list.filter.modified_since.is_some() {
        scan.by_moment(&session).await?;
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
        session.rows(BY_NAME, &[&PARTITION_NUMBER, &self.after, &limit, &self.since(), &accounts, &name]).await
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

    /// Adds the customers of these rows, as far as they are wanted.
    fn visit(&mut self, rows: &[Row]) {
        rows.iter().for_each(|row| self.add(row));
    }

    /// Adds a customer that matches, if it is wanted.
    fn add(&mut self, row: &Row) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.found.len() < self.list.limit {
            self.found.push((CustomerId(number(row, 0)), stored_customer(row, 2)));
        }
    }

    /// The next customers of all accounts, and after which id the next step begins if there may be more.
    async fn next_of_all(&self, session: &Session, size: usize) -> Result<(Vec<Row>, Option<i64>), DatabaseError> {
        let rows = session.rows(OF_ALL, &[&PARTITION_NUMBER, &self.after, &limit(size)]).await?;
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
        let limit = limit(size);
        let mut rows: Vec<Row> = Vec::new();
        let mut end = None::<i64>;
        // In portions, so that the results of a few thousand customers at most are in memory.
        for accounts in accounts.chunks(STEP / ACCOUNT_STEP) {
            let values: Vec<[_; 4]> = accounts
                .iter()
                .map(|account| -> [&(dyn tokio_postgres::types::ToSql + Sync); 4] {
                    [&PARTITION_NUMBER, &self.after, &limit, account]
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
