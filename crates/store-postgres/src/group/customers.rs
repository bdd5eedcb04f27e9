//! The customers of a group: those that it creates, edits and erases.

use super::{
    look::Expected,
    outcome::{Ended, Outcome},
    piece::{Piece, Write},
    rows::Rows,
    words::{ADD_WORDS, REMOVE_WORDS, Words},
};
use crate::{
    core::PARTITION_NUMBER,
    error::DatabaseError,
    port::rows::{number, stored_customer},
    session::Done,
    transaction::Transaction,
};
use carnelian_domain::{AccountId, AccountState, Action, CustomerId, Object, Timestamp};
use carnelian_store::{
    AuditEntry, Conflict, EditCustomer, NewCustomer, Replace, StoreError, Written,
    judge::{self, FoundCustomer},
};
use std::collections::{BTreeSet, HashMap, HashSet};
use tokio_postgres::Row;

/// A customer whose name or id is taken is left out, and so are its words.
pub(super) const INSERT: &str = "
    WITH created AS (
    INSERT INTO customer (partition, id, account_id, name, unique_name, version, ship_to_bill_address, created_at,
        modified_at, sealed)
    SELECT p.partition, t.id, t.account_id, t.name, t.unique_name, 1, t.ship_to_bill_address, $2::BIGINT, $2::BIGINT,
        t.sealed
    FROM partition p, unnest($3::BIGINT[], $4::BIGINT[], $5::TEXT[], $6::TEXT[], $7::BOOLEAN[], $8::BYTEA[])
        WITH ORDINALITY AS t (id, account_id, name, unique_name, ship_to_bill_address, sealed, position)
    WHERE p.partition = $1 ORDER BY t.position
    ON CONFLICT DO NOTHING RETURNING id), indexed AS (
    INSERT INTO customer_word (partition, block, word, customer_id)
    SELECT p.partition, t.block, t.word, t.customer_id
    FROM partition p, created c JOIN unnest($9::BIGINT[], $10::TEXT[], $11::BIGINT[]) AS t (block, word, customer_id)
        ON t.customer_id = c.id
    WHERE p.partition = $1)
    SELECT id FROM created";

const TAKEN_IDS: &str = "SELECT id FROM customer WHERE partition = $1 AND id = ANY ($2)";

pub(super) const LOCK: &str = "
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

/// A customer whose row is locked.
struct Locked {
    found: FoundCustomer,
    unique_name: String,
}

/// A customer that is to be created.
pub(super) struct Create<'a> {
    index: usize,
    piece: &'a Piece,
    pub(super) new: &'a NewCustomer,
    replace: Option<&'a Replace>,
}

/// A group while its customers are written.
pub(super) struct Group<'a> {
    now: Timestamp,
    pieces: &'a [&'a Piece],
    expected: &'a Expected,
    pub(super) outcomes: Vec<Option<Outcome>>,
    /// The accounts whose states outcomes depend on.
    pub(super) accounts: BTreeSet<AccountId>,
    /// The customers that are edited or erased.
    locked: HashMap<CustomerId, Locked>,
    /// The entries of the audit log.
    pub(super) entries: Vec<String>,
    /// The customers that were erased.
    pub(super) erased: Vec<i64>,
}

impl<'a> Group<'a> {
    pub(super) fn new(now: Timestamp, pieces: &'a [&'a Piece], expected: &'a Expected) -> Group<'a> {
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
    pub(super) fn creates(&mut self) -> Vec<Create<'a>> {
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
    pub(super) fn edited_and_erased(&self) -> Vec<i64> {
        let pieces = self.open_pieces().into_iter().map(|(_, piece)| piece);
        let others = pieces.filter(|piece| !matches!(piece.write, Write::Create { .. }));
        let mut ids: Vec<_> = others.map(|piece| piece.customer().0.cast_signed()).collect();
        ids.sort_unstable();
        ids
    }

    /// Notes the customers that [`LOCK`] has found.
    pub(super) fn note_locked(&mut self, locked: Option<&Done>) {
        for row in locked.iter().flat_map(|locked| &locked.rows) {
            let found = FoundCustomer { account: AccountId(number(row, 1)), version: number(row, 2) };
            self.locked.insert(CustomerId(number(row, 0)), Locked { found, unique_name: row.get(3) });
        }
    }

    /// Sorts customers by whether they were inserted; those that replace the ones which have their names do so.
    pub(super) async fn create(
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
    pub(super) async fn edit(&mut self, transaction: &Transaction) -> Result<(), DatabaseError> {
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
            let has_name = locked.as_ref().is_some_and(|locked| locked.unique_name == new.unique_name);
            if found.account == new.account && has_name {
                same_name.push(new.clone());
            } else if !self.rename(transaction, new).await? {
                self.refuse(index, Conflict::NameTaken);
                continue;
            }
            if let Some(locked) = locked.filter(|_| !has_name) {
                let id = new.id.0.cast_signed();
                let (old, new) = (Words::new([(id, &*locked.unique_name)]), Words::new([(id, &*new.unique_name)]));
                transaction.run_all(&[(REMOVE_WORDS, &old.values()), (ADD_WORDS, &new.values())]).await?;
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
        transaction.run(UPDATE, &rows.values()).await?.must_count(customers.len())
    }

    /// Erases customers.
    pub(super) async fn erase(&mut self, transaction: &Transaction) -> Result<(), DatabaseError> {
        let mut names = Vec::new();
        for (index, piece) in self.open_pieces() {
            let Write::Erase(erase) = &piece.write else { continue };
            let locked = self.locked.remove(&erase.id);
            let found = locked.as_ref().map(|locked| locked.found);
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
            names.extend(locked.map(|locked| (erase.id.0.cast_signed(), locked.unique_name)));
            let (action, object) = (Action::EraseCustomer, Object::Customer(erase.id));
            self.entries.push(AuditEntry::record(&piece.origin, action, object, Some(found.account), &[]));
            let (id, account, at) = (erase.id, found.account, self.now);
            self.outcomes[index] = Some(Ok(Written { id, account, at, version: found.version + 1 }));
        }
        if self.erased.is_empty() {
            return Ok(());
        }
        let words = Words::new(names.iter().map(|(id, name)| (*id, name.as_str())));
        transaction.run(REMOVE_WORDS, &words.values()).await?;
        let deleted = transaction.run(DELETE, &[&PARTITION_NUMBER, &self.erased]).await?;
        deleted.must_count(self.erased.len())
    }
}
