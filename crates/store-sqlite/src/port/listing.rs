//! Listing customers in the order of their ids, in steps.
//!
//! A step reads a bounded number of customers in one read transaction. Between two steps the connection goes back to the
//! pool and the task yields, so a long listing delays neither other requests nor checkpoints. Listings take turns, step by
//! step ([`Readers::scan_turn`](crate::read::readers::Readers::scan_turn)), so many listings delay other requests no more
//! than one, and a long listing hardly delays a short one. A step begins after the last
//! id of the one before, so the cost of a page does not grow with the number of customers before it.
//!
//! A listing finds its customers
//!
//! * by an exact name: in the index of names in memory,
//! * by words, or by the beginning of a name: in the index of words ([`index`]), block by block; the newest customers are
//!   not in it and are read like all others,
//! * by the moment of their last write: in the ranges of ids that have such a write ([`ChangeZones`]),
//! * otherwise: one after the other, in each account of the filter.
//!
//! [`ChangeZones`]: crate::memory::change_zones::ChangeZones

use crate::{
    memory::{hash_index::HashIndex, indexes::Indexes},
    store::SqliteStore,
    words::index::{self, BLOCK, NextBlock, WordQuery},
};
use carnelian_domain::{AccountId, CustomerId, Timestamp};
use carnelian_store::{ListCustomers, StoreError, StoredCustomer};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::{collections::BTreeSet, sync::Arc};

/// How many customers a step reads. A step takes about a tenth of a millisecond, which is how long it can delay other
/// requests of its thread.
const STEP: usize = 100;

/// The smallest number of customers that a step reads in each account.
const ACCOUNT_STEP: usize = 16;

/// The index is named so that SQLite never chooses another plan.
const BY_ACCOUNT: &str = "
    SELECT id, modified_at FROM customer INDEXED BY customer_of_account
    WHERE account_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3";

/// How many look-ups in blocks, and candidates that they find, a step has at least.
const LOOK_UPS: usize = 64;

const ALL_ACCOUNTS: &str = "SELECT id, modified_at FROM customer WHERE id > ?1 ORDER BY id LIMIT ?2";

const CUSTOMER: &str = "
    SELECT account_id, name, ship_to_bill_address, sealed, version, ifnull(unique_name, name) FROM customer
    WHERE id = ?1 AND modified_at >= ?2";

/// Reads a customer from a row of the columns of [`CUSTOMER`].
pub(crate) fn stored_customer(row: &Row<'_>) -> Result<StoredCustomer, rusqlite::Error> {
    Ok(StoredCustomer {
        account: AccountId(row.get(0)?),
        name: row.get(1)?,
        ship_to_bill_address: row.get(2)?,
        sealed: row.get(3)?,
        version: row.get(4)?,
    })
}

/// Lists customers: with the index of names if the filter has a name and the index is loaded, otherwise by a scan.
pub(crate) async fn list(
    store: &SqliteStore,
    list: &ListCustomers,
) -> Result<Vec<(CustomerId, StoredCustomer)>, StoreError> {
    let mut scan = Scan::new(list.clone());
    scan.indexes = store.indexes.clone();
    match candidates(store, &scan).await? {
        Some(candidates) => {
            let list = list.clone();
            scan = store.readers.read(move |connection| by_name(connection, &list, candidates)).await?;
        }
        None => {
            let mut size = list.skip.saturating_add(list.limit).min(STEP);
            let mut has_more = true;
            while has_more {
                let step = move |connection: &mut Connection| Ok((scan.step_by_words(connection, size)?, scan));
                let turn = store.readers.scan_turn().await;
                (has_more, scan) = store.readers.read(step).await?;
                drop(turn);
                size = STEP;
                tokio::task::yield_now().await;
            }
        }
    }
    store.barrier.wait_for_all().await?;
    Ok(scan.found)
}

/// A function that returns the customers that may have the name in the filter; `None` if a scan must find them.
async fn candidates(
    store: &SqliteStore,
    scan: &Scan,
) -> Result<Option<impl Fn() -> BTreeSet<CustomerId> + Send + use<>>, StoreError> {
    let (Some(name), Some(indexes)) = (&scan.list.filter.unique_name, &store.indexes) else { return Ok(None) };
    let accounts = match &scan.accounts {
        Some(accounts) => accounts.clone(),
        None => {
            let all = |connection: &mut Connection| {
                let mut select = connection.prepare_cached("SELECT id FROM account")?;
                select.query_map([], |row| row.get(0).map(AccountId))?.collect()
            };
            store.readers.read_fresh(all).await?
        }
    };
    let indexes = indexes.clone();
    let hashes: Vec<_> = accounts.iter().map(|account| indexes.hash_key.hash_name(*account, name)).collect();
    let with_hash = |names: &HashIndex, hash| names.candidates(hash).map(CustomerId).collect::<Vec<_>>();
    Ok(Some(move || {
        let names = indexes.names();
        hashes.iter().flat_map(|hash| with_hash(&names, *hash)).collect()
    }))
}

/// Finds the customers with a name among the candidates.
///
/// Between the lookups in the index and in the database, a customer may take over the name of another one. So the index is
/// queried again until it returns no candidate that was not read.
fn by_name(
    connection: &Connection,
    list: &ListCustomers,
    candidates: impl Fn() -> BTreeSet<CustomerId>,
) -> Result<Scan, rusqlite::Error> {
    let mut read = candidates();
    loop {
        let mut scan = Scan::new(list.clone());
        scan.visit(connection, read.iter().filter(|id| **id > list.after).map(|id| unread(*id)).collect())?;
        let known = read.len();
        read.extend(candidates());
        if read.len() == known {
            return Ok(scan);
        }
    }
}

/// A candidate of an index that does not hold the time of the last write; the query of the row checks it.
fn unread(id: CustomerId) -> Entry {
    Entry { id, modified_at: Timestamp(i64::MAX) }
}

/// What the index `customer_of_account` holds of a customer.
struct Entry {
    id: CustomerId,
    modified_at: Timestamp,
}

fn entry(row: &Row<'_>) -> Result<Entry, rusqlite::Error> {
    Ok(Entry { id: CustomerId(row.get(0)?), modified_at: Timestamp(row.get(1)?) })
}

/// A scan of customers, and what it has found so far.
struct Scan {
    list: ListCustomers,
    /// The accounts in the filter, sorted and without duplicates; `None` for all accounts.
    accounts: Option<Vec<AccountId>>,
    since: Timestamp,
    after: CustomerId,
    /// The words by which the index finds customers.
    words: Option<WordQuery>,
    /// The indexes in memory, if this process has them.
    indexes: Option<Arc<Indexes>>,
    skip: usize,
    found: Vec<(CustomerId, StoredCustomer)>,
}

impl Scan {
    fn new(list: ListCustomers) -> Scan {
        let mut accounts = list.filter.accounts.clone();
        if let Some(accounts) = &mut accounts {
            accounts.sort_unstable();
            accounts.dedup();
        }
        let since = list.filter.modified_since.unwrap_or(Timestamp(i64::MIN));
        let (after, skip) = (list.after, list.skip);
        let words = WordQuery::new(list.filter.indexed_words());
        Scan { list, accounts, since, after, words, indexes: None, skip, found: Vec::new() }
    }

    /// Looks further customers up in the index of words; without words, or where the index ends, reads about `size` further
    /// customers. Returns whether another step is needed.
    fn step_by_words(&mut self, connection: &Connection, size: usize) -> Result<bool, rusqlite::Error> {
        let Some(words) = self.words.take() else { return self.step(connection, size) };
        let wants_more = self.look_up(connection, &words, size);
        self.words = Some(words);
        wants_more
    }

    fn look_up(&mut self, connection: &Connection, words: &WordQuery, size: usize) -> Result<bool, rusqlite::Error> {
        let end = index::indexed_to(connection)?;
        let mut steps = LOOK_UPS;
        while self.after.0 + 1 < end {
            let first = self.after.0 + 1;
            let next = words.next_block(connection, first / BLOCK, &mut steps)?;
            let block = match next {
                NextBlock::Found(block) => block,
                NextBlock::NotBefore(block) => {
                    self.after = CustomerId((block * BLOCK).clamp(first, end) - 1);
                    return Ok(true);
                }
                NextBlock::None => {
                    self.after = CustomerId(end - 1);
                    break;
                }
            };
            let candidates = words.candidates(connection, block, self.accounts.as_deref())?;
            steps = steps.saturating_sub(candidates.len());
            let entries = candidates.range(first..).map(|id| unread(CustomerId(*id))).collect();
            if !self.visit(connection, entries)? {
                return Ok(false);
            }
            self.after = CustomerId((block + 1) * BLOCK - 1);
        }
        self.step(connection, size)
    }

    /// Reads about `size` further customers; returns whether another step is needed.
    fn step(&mut self, connection: &Connection, size: usize) -> Result<bool, rusqlite::Error> {
        if let (Some(_), Some(indexes)) = (self.list.filter.modified_since, &self.indexes) {
            let next = CustomerId(self.after.0 + 1);
            match indexes.change_zones().next_written_since(next, self.since) {
                Some(next) => self.after = CustomerId(next.0 - 1),
                None => return Ok(false),
            }
        }
        let (entries, end) = match &self.accounts {
            Some(accounts) => next_of_accounts(connection, accounts, self.after, size)?,
            None => next_of_all_accounts(connection, self.after, size)?,
        };
        let wants_more = self.visit(connection, entries)?;
        self.after = end.unwrap_or(self.after);
        Ok(wants_more && end.is_some())
    }

    /// Adds the matching customers among these entries to the result; returns whether more are wanted.
    fn visit(&mut self, connection: &Connection, entries: Vec<Entry>) -> Result<bool, rusqlite::Error> {
        let filter = &self.list.filter;
        let by_name = filter.is_of_names();
        for entry in entries.into_iter().filter(|entry| entry.modified_at >= self.since) {
            if self.found.len() == self.list.limit {
                return Ok(false);
            }
            if self.skip > 0 && !by_name {
                self.skip -= 1;
            } else if let Some(customer) = self.customer(connection, entry.id)? {
                match self.skip {
                    0 => self.found.push((entry.id, customer)),
                    _ => self.skip -= 1,
                }
            }
        }
        Ok(self.found.len() < self.list.limit)
    }

    /// Reads a customer, if it matches the filter.
    fn customer(&self, connection: &Connection, id: CustomerId) -> Result<Option<StoredCustomer>, rusqlite::Error> {
        let filter = &self.list.filter;
        let mut select = connection.prepare_cached(CUSTOMER)?;
        let customer = select.query_row(params![id.0, self.since.0], |row| {
            let is_meant = filter.matches_name(row.get_ref(5)?.as_str()?);
            is_meant.then(|| stored_customer(row)).transpose()
        });
        let customer = customer.optional()?.flatten();
        let is_in_filter =
            |account| self.accounts.as_ref().is_none_or(|accounts| accounts.binary_search(&account).is_ok());
        Ok(customer.filter(|customer| is_in_filter(customer.account)))
    }
}

/// The next customers of all accounts, and after which id the next step begins if there may be more.
fn next_of_all_accounts(
    connection: &Connection,
    after: CustomerId,
    size: usize,
) -> Result<(Vec<Entry>, Option<CustomerId>), rusqlite::Error> {
    let mut select = connection.prepare_cached(ALL_ACCOUNTS)?;
    let entries: Vec<_> = select.query_map(params![after.0, size], entry)?.collect::<Result<_, _>>()?;
    let end = entries.last().filter(|_| entries.len() == size).map(|last| last.id);
    Ok((entries, end))
}

/// The next customers of some accounts together, and after which id the next step begins if there may be more.
///
/// The same number is read of each account. The result ends at the lowest id at which one of them may have more.
fn next_of_accounts(
    connection: &Connection,
    accounts: &[AccountId],
    after: CustomerId,
    size: usize,
) -> Result<(Vec<Entry>, Option<CustomerId>), rusqlite::Error> {
    let limit = (size / accounts.len().max(1)).max(ACCOUNT_STEP);
    let mut select = connection.prepare_cached(BY_ACCOUNT)?;
    let (mut entries, mut end) = (Vec::new(), None::<CustomerId>);
    for account in accounts {
        let before = entries.len();
        for entry in select.query_map(params![account.0, after.0, limit], entry)? {
            entries.push(entry?);
        }
        if let Some(last) = entries.last().filter(|_| entries.len() - before == limit) {
            end = Some(end.map_or(last.id, |end| end.min(last.id)));
        }
    }
    entries.retain(|entry: &Entry| end.is_none_or(|end| entry.id <= end));
    entries.sort_unstable_by_key(|entry| entry.id);
    Ok((entries, end))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        commit::{
            audit_tail::AuditTail,
            checkpoint::WalTruncation,
            durability_barrier::DurabilityBarrier,
            syncer::SyncFn,
            writer::{Writer, WriterParts},
        },
        error::OpenError,
        files::{lock::OpenPermit, schema},
        memory::indexes::Indexes,
        read::readers::Readers,
        store::OpenFiles,
    };
    use carnelian_domain::{Actor, Origin};
    use carnelian_store::{
        Clock, CustomerFilter, Customers, NewCustomer, RegistryId,
        contract::{TestChain, TestKeys},
    };
    use std::{
        cell::Cell,
        fs::File,
        path::Path,
        pin::pin,
        sync::{Arc, Mutex, atomic::AtomicBool, mpsc},
        task::{Context, Waker},
        time::Duration,
    };

    struct StoppedClock;

    impl Clock for StoppedClock {
        fn now(&self) -> Timestamp {
            Timestamp(1)
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// A registry with one account, with a sync function of the test.
    pub(crate) fn store(path: &Path, sync: SyncFn) -> Result<SqliteStore, OpenError> {
        store_with(path, sync, Arc::new(StoppedClock), usize::MAX)
    }

    /// The same with a clock of the test, and with a limit of idempotency keys.
    pub(crate) fn store_with(
        path: &Path,
        sync: SyncFn,
        clock: Arc<dyn Clock>,
        keys_per_user: usize,
    ) -> Result<SqliteStore, OpenError> {
        let connection = schema::open_for_writing(path, true, &TestKeys).expect("opens");
        connection.execute("INSERT INTO account VALUES (1, 'Acme', 'Acme', 0, x'', 0)", [])?;
        let indexes = Some(Arc::new(Indexes::load_limited(path, &connection, keys_per_user)?));
        let database = Arc::new(File::open(path).expect("is there"));
        let (readers, barrier) = (Arc::new(Readers::open(path, 1, true)?), Arc::new(DurabilityBarrier::default()));
        let wal_truncation = Arc::new(WalTruncation::default());
        let parts = WriterParts {
            connection,
            indexes: indexes.clone(),
            audit: AuditTail::new(Arc::new(TestChain(RegistryId([7; 16])))),
            clock: clock.clone(),
            on_failure: Box::new(|detail| panic!("{detail}")),
            readers: readers.clone(),
            barrier: barrier.clone(),
            wal_truncation: wal_truncation.clone(),
            sync,
            probe_file: None,
            presence: None,
            database: database.clone(),
        };
        let writer = Writer::start(parts, path)?;
        let permit = OpenPermit::acquire(path.parent().expect("in a directory"), true, |_| {})
            .expect("no other process serves it");
        let files = OpenFiles { _locks: permit.locks, _database: database };
        Ok(SqliteStore {
            _word_feeder: None,
            writer,
            readers,
            barrier,
            wal_truncation,
            indexes,
            clock,
            keys: Arc::new(TestKeys),
            id: parking_lot::Mutex::new(RegistryId([7; 16])),
            has_claimed: AtomicBool::new(false),
            _files: files,
        })
    }

    #[test]
    fn a_name_that_moves_to_another_customer_during_a_lookup_is_found() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let connection = schema::open_for_writing(&path, true, &TestKeys).expect("opens");
        let insert = "INSERT INTO customer (id, account_id, name, name_hash, version, ship_to_bill_address, created_at,
            modified_at, sealed) VALUES (2, 1, 'Customer', 0, 1, 0, 0, 0, x'')";
        connection.execute(insert, []).expect("is inserted");
        let filter = CustomerFilter { unique_name: Some("Customer".into()), ..CustomerFilter::default() };
        let list = ListCustomers { filter, after: CustomerId(0), skip: 0, limit: 10 };
        // The first lookup comes before the second customer is added, and after the first one is gone.
        let lookups = Cell::new(0);
        let candidates = || {
            lookups.set(lookups.get() + 1);
            BTreeSet::from([CustomerId(if lookups.get() == 1 { 1 } else { 2 })])
        };
        let found = by_name(&connection, &list, candidates).expect("is read").found;
        assert_eq!(found.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn nothing_is_listed_before_it_is_on_stable_storage() {
        let directory = tempfile::tempdir().expect("a directory");
        let (committed, is_committed) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let sync = move || {
            let _ = (committed.send(()), released.lock().map(|released| released.recv()));
            Ok(())
        };
        let store = store(&directory.path().join("carnelian.db"), Box::new(sync)).expect("opens");
        // Dropped before the store is, whose end waits for the writer.
        let release = release;
        let mut context = Context::from_waker(Waker::noop());
        let (name, sealed) = ("Customer".to_owned(), Vec::new());
        let (id, account, unique_name) = (CustomerId(7), AccountId(1), name.clone());
        let new = NewCustomer { id, account, name, unique_name, ship_to_bill_address: false, sealed };
        let origin = Origin::new(Actor::Server);
        let mut create = pin!(store.create_customer(new, &origin, None));
        assert!(create.as_mut().poll(&mut context).is_pending());
        is_committed.recv().expect("the writer commits");

        let by = |filter| ListCustomers { filter, after: CustomerId(0), skip: 0, limit: 10 };
        let by_name = by(CustomerFilter { unique_name: Some("Customer".into()), ..CustomerFilter::default() });
        let (all, by_name) = (by(CustomerFilter::default()), by_name);
        let mut lists = [&all, &by_name].map(|all| Box::pin(store.list_customers(all)));
        for list in &mut lists {
            assert!(list.as_mut().poll(&mut context).is_pending());
        }
        release.send(()).expect("the writer waits");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for list in lists {
            let listed = runtime.block_on(list).expect("is listed");
            assert_eq!(listed.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [7]);
        }
        runtime.block_on(create).expect("is created");
    }
}
