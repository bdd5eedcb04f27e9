//! A group of customer writes in one transaction.
//!
//! ```text
//! names:  insert the new customers; a name that is taken refuses its row and no other
//! rows:   lock the customers that are edited or erased, change and delete them
//! log:    lock the audit log, look whether accounts, idempotency keys and rights are as expected, append the entries
//! commit
//! ```
//!
//! The begin is sent with the first statements. A group that only creates customers takes no other lock than that of the
//! log, so its names and its look are one round trip, and all of it is three.
//!
//! Until the log is locked, the group expects what is nearly always so: that accounts are active, that no write was made
//! under its idempotency keys, and that the directory has not changed since rights were confirmed. If the look finds
//! anything else, the group is rolled back and runs again with what was found. So all of it holds at the moment of the
//! commit, and nothing is locked for it.
//!
//! The lock of the log is itself part of the write-ahead log. So a group that only finds earlier writes under its keys
//! waits for the standbys like any other, and the answers promise what was promised before.
//!
//! Within a group new customers come first, then edits, then erasures. Arrays are sorted, so that two groups that wait for
//! each other's rows are rare; the database ends one of them, and it runs again.

pub(crate) mod import;
mod look;
mod rows;

use crate::{
    core::{Core, PARTITION, PARTITION_NUMBER},
    error::DatabaseError,
    port::rows::{number, stored_customer},
    session::{Done, Values},
    transaction::{LOCK_LOG, LockedLog, Transaction},
};
use carnelian_domain::{AccountId, AccountState, Action, CustomerId, Object, Origin, Timestamp};
use carnelian_store::{
    AuditEntry, Conflict, EditCustomer, EraseCustomer, IdempotencyKey, ImportStep, NewCustomer, Replace, StoreError,
    Written,
    judge::{self, FoundCustomer},
};
use look::{Expected, Look};
use rows::Rows;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};
use tokio_postgres::Row;

/// How often a group is run.
const TRIES: usize = 8;

/// How long a group is run again.
const PATIENCE: Duration = Duration::from_secs(5);

/// A customer whose name or id is taken is left out.
const INSERT: &str = "
    INSERT INTO customer (partition, id, account_id, name, unique_name, version, ship_to_bill_address, created_at,
        modified_at, sealed)
    SELECT p.partition, t.id, t.account_id, t.name, t.unique_name, 1, t.ship_to_bill_address, $2::BIGINT, $2::BIGINT,
        t.sealed
    FROM partition p, unnest($3::BIGINT[], $4::BIGINT[], $5::TEXT[], $6::TEXT[], $7::BOOLEAN[], $8::BYTEA[])
        WITH ORDINALITY AS t (id, account_id, name, unique_name, ship_to_bill_address, sealed, position)
    WHERE p.partition = $1 ORDER BY t.position
    ON CONFLICT DO NOTHING RETURNING id";

const TAKEN_IDS: &str = "SELECT id FROM customer WHERE partition = $1 AND id = ANY ($2)";

const LOCK: &str = "
    SELECT id, account_id, version, unique_name FROM customer WHERE partition = $1 AND id = ANY ($2)
    ORDER BY id FOR UPDATE";

/// The customers that have names, with their contents.
const LOCK_HOLDERS: &str = "
    SELECT c.id, c.unique_name, c.account_id, c.name, c.ship_to_bill_address, c.sealed, c.version
    FROM customer c JOIN unnest($2::BIGINT[], $3::TEXT[]) AS t (account_id, unique_name)
        ON c.account_id = t.account_id AND c.unique_name = t.unique_name
    WHERE c.partition = $1 ORDER BY c.id FOR UPDATE OF c";

const UPDATE: &str = "
    UPDATE customer SET account_id = t.account_id, name = t.name, unique_name = t.unique_name,
        version = customer.version + 1, ship_to_bill_address = t.ship_to_bill_address, modified_at = $2::BIGINT,
        sealed = t.sealed
    FROM unnest($3::BIGINT[], $4::BIGINT[], $5::TEXT[], $6::TEXT[], $7::BOOLEAN[], $8::BYTEA[])
        AS t (id, account_id, name, unique_name, ship_to_bill_address, sealed)
    WHERE customer.partition = $1 AND customer.id = t.id";

const DELETE: &str = "DELETE FROM customer WHERE partition = $1 AND id = ANY ($2)";

const NOTE_ERASED: &str = "
    INSERT INTO erased_customer (partition, id, purged)
    SELECT p.partition, t.id, FALSE FROM partition p, unnest($2::BIGINT[]) AS t (id) WHERE p.partition = $1";

/// Replaces writes that are remembered no longer.
const REMEMBER: &str = "
    INSERT INTO idempotent_write (partition, user_id, key, fingerprint, customer_id, account_id, at, version)
    SELECT p.partition, t.user_id, t.key, t.fingerprint, t.customer_id, t.account_id, $2::BIGINT, t.version
    FROM partition p, unnest($3::BIGINT[], $4::TEXT[], $5::BYTEA[], $6::BIGINT[], $7::BIGINT[], $8::BIGINT[])
        AS t (user_id, key, fingerprint, customer_id, account_id, version)
    WHERE p.partition = $1
    ON CONFLICT (partition, user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint,
        customer_id = excluded.customer_id, account_id = excluded.account_id, at = excluded.at,
        version = excluded.version";

/// More than come in, so that the table stays bounded.
const FORGET_OLD: &str = "
    DELETE FROM idempotent_write w USING (
        SELECT user_id, key FROM idempotent_write WHERE partition = $1 AND at <= $2 ORDER BY at LIMIT $3) AS old
    WHERE w.partition = $1 AND w.user_id = old.user_id AND w.key = old.key";

/// A customer write.
pub(crate) enum Write {
    /// Creates a customer; `replace` replaces the one that has the name instead.
    Create {
        /// The customer.
        new: NewCustomer,
        /// What replaces the customer that has the name.
        replace: Option<Replace>,
    },
    /// Replaces a customer.
    Edit(EditCustomer),
    /// Erases a customer.
    Erase(EraseCustomer),
}

/// A write of a group.
pub(crate) struct Piece {
    /// The write.
    pub(crate) write: Write,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// Makes it take effect once.
    pub(crate) key: Option<IdempotencyKey>,
}

impl Piece {
    /// The customer that it writes.
    pub(crate) fn customer(&self) -> CustomerId {
        match &self.write {
            Write::Create { new, .. } => new.id,
            Write::Edit(edit) => edit.customer.id,
            Write::Erase(erase) => erase.id,
        }
    }
}

/// What is stored of an import together with its customers.
pub(crate) struct ImportPart {
    /// The progress that it makes; `None` for an import that cannot be resumed.
    pub(crate) step: Option<ImportStep>,
    /// The number of each row that is a write of the group.
    pub(crate) numbers: Vec<u64>,
    /// The rows that the caller refuses.
    pub(crate) refused: Vec<(u64, Conflict)>,
}

/// The outcome of a write.
type Outcome = Result<Written, StoreError>;

/// Why a group was not written.
pub(crate) struct GroupError {
    /// The error of each of its writes.
    pub(crate) error: StoreError,
    /// Whether the values of one of its writes may be the reason.
    pub(crate) is_of_values: bool,
}

/// Writes a group; returns the outcomes in the order of the pieces.
pub(crate) async fn write(
    core: &Core,
    pieces: &[&Piece],
    import: Option<&ImportPart>,
) -> Result<Vec<Outcome>, GroupError> {
    let (mut expected, began) = (Expected::default(), core.clock.monotonic());
    for _ in 0..TRIES {
        match run(core, pieces, import, &mut expected).await {
            Ok(outcomes) => return Ok(outcomes),
            Err(Ended::Again) if core.clock.monotonic().saturating_sub(began) < PATIENCE => {}
            Err(Ended::Again) => break,
            Err(Ended::Database(error)) => {
                let is_of_values = error.is_of_values();
                return Err(GroupError { error: error.into(), is_of_values });
            }
            Err(Ended::Store(error)) => return Err(GroupError { error, is_of_values: false }),
        }
    }
    Err(GroupError { error: StoreError::Busy, is_of_values: false })
}

/// Why a transaction ended without its commit.
enum Ended {
    /// Something was not as expected, or another transaction came in between.
    Again,
    /// A statement failed.
    Database(DatabaseError),
    /// The group is refused as a whole, or its commit failed.
    Store(StoreError),
}

impl From<DatabaseError> for Ended {
    fn from(error: DatabaseError) -> Ended {
        if error.is_of_concurrency() || error.is_of_connection() { Ended::Again } else { Ended::Database(error) }
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Ended {
        Ended::Store(error)
    }
}

/// Runs the transaction of a group once.
async fn run(
    core: &Core,
    pieces: &[&Piece],
    import: Option<&ImportPart>,
    expected: &mut Expected,
) -> Result<Vec<Outcome>, Ended> {
    let now = core.clock.now();
    let mut group = Group::new(now, pieces, expected);
    let creates = group.creates();
    let locked_ids = group.edited_and_erased();
    let mut sorted: Vec<&NewCustomer> = creates.iter().map(|create| create.new).collect();
    sorted.sort_by(|one, other| (one.account, &one.unique_name).cmp(&(other.account, &other.unique_name)));
    let rows = Rows::new(now, sorted);
    let (insert, lock): (_, Values<'_>) = (rows.values(), &[&PARTITION_NUMBER, &locked_ids]);
    let look = Look::new(now, &group.accounts, pieces);
    let looks = look.values();
    let mut statements: Vec<(&'static str, Values<'_>)> = Vec::new();
    if !creates.is_empty() {
        statements.push((INSERT, &insert));
    }
    if !locked_ids.is_empty() {
        statements.push((LOCK, lock));
    }
    let customers = statements.len();
    // Customers that are only created need no other lock, so the log is locked at once.
    let looks_at_once = locked_ids.is_empty() && import.is_none();
    if looks_at_once {
        statements.extend(looks.statements());
    }
    let (transaction, mut done) = begin(core, now, import, &statements).await?;
    let mut looked = done.split_off(customers);
    let locked = if locked_ids.is_empty() { None } else { done.pop() };
    group.note_locked(locked.as_ref());
    group.create(&transaction, creates, done.first()).await?;
    group.edit(&transaction).await?;
    group.erase(&transaction).await?;
    let look = if looks_at_once {
        look
    } else {
        let look = Look::new(now, &group.accounts, pieces);
        looked = transaction.run_all(&look.values().statements()).await?;
        look
    };
    let Group { outcomes, entries, erased, .. } = group;
    let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing_outcome)).collect();
    let mut log = LockedLog::new(core.audit_chain(), PARTITION, &looked)?;
    if !expected.holds(pieces, &look.accounts, &looked[LOCK_LOG.len()..])? {
        transaction.roll_back().await;
        return Err(Ended::Again);
    }

    for entry in entries {
        log.append(transaction.now, entry);
    }
    transaction.write_log(log).await?;
    if !erased.is_empty() {
        let noted = transaction.run(NOTE_ERASED, &[&PARTITION_NUMBER, &erased]).await?;
        expect_count(&noted, erased.len())?;
    }
    if !look.keys.is_empty() {
        remember(&transaction, pieces, &outcomes, expected).await?;
    }
    if let Some(import) = import {
        import::note_refused(&transaction, import, &outcomes).await?;
    }
    transaction.commit().await?;
    Ok(outcomes)
}

/// Begins the transaction of a group, and runs its first statements. The progress of an import comes before them.
async fn begin(
    core: &Core,
    now: Timestamp,
    import: Option<&ImportPart>,
    statements: &[(&'static str, Values<'_>)],
) -> Result<(Transaction, Vec<Done>), Ended> {
    let Some(import) = import else {
        return Ok(Transaction::begin_for_writer(&core.sessions, now, statements).await?);
    };
    let (transaction, _) = Transaction::begin_for_writer(&core.sessions, now, &[]).await?;
    if let Some(step) = &import.step {
        import::advance(&transaction, step).await?;
    }
    let done = transaction.run_all(statements).await?;
    Ok((transaction, done))
}

fn missing_outcome() -> Outcome {
    Err(StoreError::corrupt("a write has no outcome"))
}

fn expect_count(done: &Done, count: usize) -> Result<(), DatabaseError> {
    let is_expected = done.count == count as u64;
    if is_expected {
        Ok(())
    } else {
        Err(DatabaseError::Corrupt("a statement has not written the rows that it should"))
    }
}

/// The moment of the newest writes that are remembered no longer.
pub(crate) fn remembered_since(now: Timestamp) -> i64 {
    now.0.saturating_sub(IdempotencyKey::KEPT_MILLIS)
}

/// Remembers the writes that were made now under keys, and forgets some that are too old.
async fn remember(
    transaction: &Transaction,
    pieces: &[&Piece],
    outcomes: &[Outcome],
    expected: &Expected,
) -> Result<(), DatabaseError> {
    let new = pieces.iter().zip(outcomes).filter_map(|(piece, outcome)| {
        let key = piece.key.as_ref().filter(|key| expected.earlier(key).is_none())?;
        Some((key, outcome.as_ref().ok()?))
    });
    let new: Vec<(&IdempotencyKey, &Written)> = new.collect();
    let users: Vec<_> = new.iter().map(|(key, _)| key.user.0.cast_signed()).collect();
    let keys: Vec<_> = new.iter().map(|(key, _)| key.key.as_str()).collect();
    let fingerprints: Vec<_> = new.iter().map(|(key, _)| &key.fingerprint[..]).collect();
    let customers: Vec<_> = new.iter().map(|(_, written)| written.id.0.cast_signed()).collect();
    let accounts: Vec<_> = new.iter().map(|(_, written)| written.account.0.cast_signed()).collect();
    let versions: Vec<_> = new.iter().map(|(_, written)| written.version.cast_signed()).collect();
    let (at, too_old, forget) = (transaction.now.0, remembered_since(transaction.now), 2 * new.len() as i64);
    let remember: Values<'_> =
        &[&PARTITION_NUMBER, &at, &users, &keys, &fingerprints, &customers, &accounts, &versions];
    let forget: Values<'_> = &[&PARTITION_NUMBER, &too_old, &forget];
    let done = transaction.run_all(&[(FORGET_OLD, forget), (REMEMBER, remember)]).await?;
    expect_count(&done[1], new.len())
}

/// A customer whose row is locked.
struct Locked {
    found: FoundCustomer,
    unique_name: String,
}

/// A customer that is to be created.
struct Create<'a> {
    index: usize,
    piece: &'a Piece,
    new: &'a NewCustomer,
    replace: Option<&'a Replace>,
}

/// A group while its customers are written.
struct Group<'a> {
    now: Timestamp,
    pieces: &'a [&'a Piece],
    expected: &'a Expected,
    outcomes: Vec<Option<Outcome>>,
    /// The accounts whose states outcomes depend on.
    accounts: BTreeSet<AccountId>,
    /// The customers that are edited or erased.
    locked: HashMap<CustomerId, Locked>,
    /// The entries of the audit log.
    entries: Vec<String>,
    /// The customers that were erased.
    erased: Vec<i64>,
}

impl<'a> Group<'a> {
    fn new(now: Timestamp, pieces: &'a [&'a Piece], expected: &'a Expected) -> Group<'a> {
        let known = |piece: &&Piece| -> Option<Outcome> {
            if !expected.gives_rights(piece) {
                return Some(Err(Conflict::DirectoryChanged.into()));
            }
            Some(expected.earlier(piece.key.as_ref()?)?.map_err(StoreError::from))
        };
        Group {
            now,
            pieces,
            expected,
            outcomes: pieces.iter().map(known).collect(),
            accounts: BTreeSet::new(),
            locked: HashMap::new(),
            entries: Vec::new(),
            erased: Vec::new(),
        }
    }

    /// The pieces without an outcome, with their indexes.
    fn open_pieces(&self) -> Vec<(usize, &'a Piece)> {
        let pieces = self.pieces.iter().copied().enumerate();
        pieces.filter(|(index, _)| self.outcomes[*index].is_none()).collect()
    }

    fn written(&mut self, index: usize, customer: &NewCustomer, version: u64) {
        let (id, account, at) = (customer.id, customer.account, self.now);
        self.outcomes[index] = Some(Ok(Written { id, account, at, version }));
    }

    fn refuse(&mut self, index: usize, conflict: Conflict) {
        self.outcomes[index] = Some(Err(conflict.into()));
    }

    /// The state in which an account is expected.
    fn state(&mut self, account: AccountId) -> Option<AccountState> {
        self.accounts.insert(account);
        self.expected.state(account)
    }

    /// The customers that are to be created. Those of accounts that take none are refused.
    fn creates(&mut self) -> Vec<Create<'a>> {
        let mut creates = Vec::new();
        for (index, piece) in self.open_pieces() {
            let Write::Create { new, replace } = &piece.write else { continue };
            match judge::check_account(self.state(new.account)) {
                Ok(()) => creates.push(Create { index, piece, new, replace: replace.as_ref() }),
                Err(conflict) => self.refuse(index, conflict),
            }
        }
        creates
    }

    /// The ids of the customers that are edited or erased, in their order.
    fn edited_and_erased(&self) -> Vec<i64> {
        let pieces = self.open_pieces().into_iter().map(|(_, piece)| piece);
        let others = pieces.filter(|piece| !matches!(piece.write, Write::Create { .. }));
        let mut ids: Vec<_> = others.map(|piece| piece.customer().0.cast_signed()).collect();
        ids.sort_unstable();
        ids
    }

    /// Notes the customers that [`LOCK`] has found.
    fn note_locked(&mut self, locked: Option<&Done>) {
        for row in locked.iter().flat_map(|locked| &locked.rows) {
            let found = FoundCustomer { account: AccountId(number(row, 1)), version: number(row, 2) };
            self.locked.insert(CustomerId(number(row, 0)), Locked { found, unique_name: row.get(3) });
        }
    }

    /// Sorts customers by whether they were inserted; those that replace the ones which have their names do so.
    async fn create(
        &mut self,
        transaction: &Transaction,
        creates: Vec<Create<'a>>,
        inserted: Option<&Done>,
    ) -> Result<(), Ended> {
        let inserted = inserted.iter().flat_map(|inserted| &inserted.rows);
        let inserted: HashSet<_> = inserted.map(|row| CustomerId(number(row, 0))).collect();
        let (mut refused, mut replaced) = (Vec::new(), Vec::new());
        for create in creates {
            if inserted.contains(&create.new.id) {
                let (action, object) = (Action::CreateCustomer, Object::Customer(create.new.id));
                let account = Some(create.new.account);
                self.entries.push(AuditEntry::record(&create.piece.origin, action, object, account, &[]));
                self.written(create.index, create.new, 1);
            } else if let Some(replace) = create.replace {
                replaced.push((create.index, create.piece, create.new, replace));
            } else {
                refused.push((create.index, create.new));
            }
        }
        self.refuse_creates(transaction, refused).await?;
        self.replace(transaction, replaced).await
    }

    /// Refuses customers that were left out: nearly always their names are taken.
    async fn refuse_creates(
        &mut self,
        transaction: &Transaction,
        refused: Vec<(usize, &NewCustomer)>,
    ) -> Result<(), DatabaseError> {
        if refused.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = refused.iter().map(|(_, new)| new.id.0.cast_signed()).collect();
        let taken = transaction.rows(TAKEN_IDS, &[&PARTITION_NUMBER, &ids]).await?;
        let taken: HashSet<_> = taken.iter().map(|row| CustomerId(number(row, 0))).collect();
        for (index, new) in refused {
            if taken.contains(&new.id) {
                self.outcomes[index] = Some(Err(StoreError::corrupt("the id of a new customer is taken")));
            } else {
                self.refuse(index, Conflict::NameTaken);
            }
        }
        Ok(())
    }

    /// Replaces the customers that have the names of new ones.
    async fn replace(
        &mut self,
        transaction: &Transaction,
        mut waiting: Vec<(usize, &'a Piece, &'a NewCustomer, &'a Replace)>,
    ) -> Result<(), Ended> {
        while !waiting.is_empty() {
            // Of several rows with one name each replaces what the one before has made.
            let mut names = HashSet::new();
            let (now, later): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, _, new, _)| names.insert((new.account, &new.unique_name)));
            waiting = later;
            let accounts: Vec<_> = now.iter().map(|(_, _, new, _)| new.account.0.cast_signed()).collect();
            let names: Vec<_> = now.iter().map(|(_, _, new, _)| new.unique_name.as_str()).collect();
            let holders = transaction.rows(LOCK_HOLDERS, &[&PARTITION_NUMBER, &accounts, &names]).await?;
            let mut holders: HashMap<(AccountId, String), Row> =
                holders.into_iter().map(|row| ((AccountId(number(&row, 2)), row.get(1)), row)).collect();
            let mut edited = Vec::new();
            for (index, piece, new, replace) in now {
                // The name was given up since.
                let holder = holders.remove(&(new.account, new.unique_name.clone())).ok_or(Ended::Again)?;
                let (id, current) = (CustomerId(number(&holder, 0)), stored_customer(&holder, 2));
                let replacement = replace(id, &current);
                let customer = NewCustomer { id, sealed: replacement.sealed, ..new.clone() };
                let (action, object) = (Action::EditCustomer, Object::Customer(id));
                let fields = &replacement.changed_fields;
                self.entries.push(AuditEntry::record(&piece.origin, action, object, Some(new.account), fields));
                self.written(index, &customer, current.version + 1);
                edited.push(customer);
            }
            self.update(transaction, &edited).await?;
        }
        Ok(())
    }

    /// Edits customers.
    async fn edit(&mut self, transaction: &Transaction) -> Result<(), DatabaseError> {
        let mut same_name = Vec::new();
        for (index, piece) in self.open_pieces() {
            let Write::Edit(edit) = &piece.write else { continue };
            let new = &edit.customer;
            let locked = self.locked.remove(&new.id);
            let found = match self.check_edit(edit, locked.as_ref().map(|locked| locked.found)) {
                Ok(found) => found,
                Err(conflict) => {
                    self.refuse(index, conflict);
                    continue;
                }
            };
            if found.account == new.account && locked.is_some_and(|locked| locked.unique_name == new.unique_name) {
                same_name.push(new.clone());
            } else if !self.rename(transaction, new).await? {
                self.refuse(index, Conflict::NameTaken);
                continue;
            }
            // A customer that moves has an entry in both accounts.
            let left = Some(found.account).filter(|account| *account != new.account);
            for account in left.into_iter().chain([new.account]) {
                let (action, object) = (Action::EditCustomer, Object::Customer(new.id));
                let fields = judge::audited_fields(edit, found);
                self.entries.push(AuditEntry::record(&piece.origin, action, object, Some(account), fields));
            }
            self.written(index, new, found.version + 1);
        }
        self.update(transaction, &same_name).await
    }

    fn check_edit(&mut self, edit: &EditCustomer, found: Option<FoundCustomer>) -> Result<FoundCustomer, Conflict> {
        let found = judge::check_found(found, edit.seen_in)?;
        let (new, old) = (self.state(edit.customer.account), self.state(found.account));
        judge::check_edit(found, edit.expected_versions.as_deref(), new, old, false)?;
        Ok(found)
    }

    /// Gives a customer another name, or another account; returns whether the name is free.
    async fn rename(&self, transaction: &Transaction, customer: &NewCustomer) -> Result<bool, DatabaseError> {
        transaction.command("SAVEPOINT rename").await?;
        match self.update(transaction, std::slice::from_ref(customer)).await {
            Ok(()) => transaction.command("RELEASE SAVEPOINT rename").await.map(|()| true),
            Err(error) if error.is_of_uniqueness() => {
                transaction.command("ROLLBACK TO SAVEPOINT rename").await.map(|()| false)
            }
            Err(error) => Err(error),
        }
    }

    async fn update(&self, transaction: &Transaction, customers: &[NewCustomer]) -> Result<(), DatabaseError> {
        if customers.is_empty() {
            return Ok(());
        }
        let rows = Rows::new(transaction.now, customers);
        expect_count(&transaction.run(UPDATE, &rows.values()).await?, customers.len())
    }

    /// Erases customers.
    async fn erase(&mut self, transaction: &Transaction) -> Result<(), DatabaseError> {
        for (index, piece) in self.open_pieces() {
            let Write::Erase(erase) = &piece.write else { continue };
            let found = self.locked.remove(&erase.id).map(|locked| locked.found);
            let checked = judge::check_found(found, erase.seen_in).and_then(|found| {
                judge::check_version(found, erase.expected_versions.as_deref())?;
                Ok(found)
            });
            let found = match checked {
                Ok(found) => found,
                Err(conflict) => {
                    self.refuse(index, conflict);
                    continue;
                }
            };
            self.erased.push(erase.id.0.cast_signed());
            let (action, object) = (Action::EraseCustomer, Object::Customer(erase.id));
            self.entries.push(AuditEntry::record(&piece.origin, action, object, Some(found.account), &[]));
            let (id, account, at) = (erase.id, found.account, self.now);
            self.outcomes[index] = Some(Ok(Written { id, account, at, version: found.version + 1 }));
        }
        if self.erased.is_empty() {
            return Ok(());
        }
        let deleted = transaction.run(DELETE, &[&PARTITION_NUMBER, &self.erased]).await?;
        expect_count(&deleted, self.erased.len())
    }
}
