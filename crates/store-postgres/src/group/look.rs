//! What a group expects to find under the lock of the log, and the statements that look whether it does.

use super::piece::Piece;
use crate::{
    core::PARTITION_NUMBER,
    error::DatabaseError,
    port::rows::{account_state, number},
    session::{Done, Values},
    transaction::LOCK_LOG,
};
use carnelian_domain::{AccountId, AccountState, CustomerId, Timestamp, UserId};
use carnelian_store::{Conflict, IdempotencyKey, Written, judge};
use std::collections::{BTreeSet, HashMap};
use tokio_postgres::{Row, types::ToSql};

/// One row at least, for the version of the directory.
const ACCOUNTS: &str = "
    SELECT a.id, a.state, r.directory_version
    FROM registry r LEFT JOIN account a ON a.partition = $1 AND a.id = ANY ($2)";

const KEYS: &str = "
    SELECT w.user_id, w.key, w.fingerprint, w.customer_id, w.account_id, w.at, w.version
    FROM idempotent_write w JOIN unnest($2::BIGINT[], $3::TEXT[]) AS t (user_id, key)
        ON w.user_id = t.user_id AND w.key = t.key
    WHERE w.partition = $1 AND w.at > $4";

/// The last lock of a group, and what it looks at under it.
pub(super) struct Look<'a> {
    pub(super) accounts: Vec<i64>,
    users: Vec<i64>,
    pub(super) keys: Vec<&'a str>,
    forgotten_at: i64,
}

impl<'a> Look<'a> {
    pub(super) fn new(now: Timestamp, accounts: &BTreeSet<AccountId>, pieces: &[&'a Piece]) -> Look<'a> {
        let accounts = accounts.iter().map(|account| account.0.cast_signed()).collect();
        let keys = pieces.iter().filter_map(|piece| piece.key.as_ref());
        let (users, keys) = keys.map(|key| (key.user.0.cast_signed(), key.key.as_str())).unzip();
        Look { accounts, users, keys, forgotten_at: IdempotencyKey::forgotten_at(now) }
    }

    pub(super) fn values(&self) -> LookValues<'_> {
        LookValues {
            log: [&PARTITION_NUMBER],
            accounts: [&PARTITION_NUMBER, &self.accounts],
            keys: [&PARTITION_NUMBER, &self.users, &self.keys, &self.forgotten_at],
            has_keys: !self.keys.is_empty(),
        }
    }
}

/// The values of the statements of a [`Look`].
pub(super) struct LookValues<'a> {
    log: [&'a (dyn ToSql + Sync); 1],
    accounts: [&'a (dyn ToSql + Sync); 2],
    keys: [&'a (dyn ToSql + Sync); 4],
    has_keys: bool,
}

impl LookValues<'_> {
    /// Those of [`LOCK_LOG`] come first.
    pub(super) fn statements(&self) -> Vec<(&'static str, Values<'_>)> {
        let mut statements: Vec<(_, Values<'_>)> = LOCK_LOG.iter().map(|sql| (*sql, &self.log[..])).collect();
        statements.push((ACCOUNTS, &self.accounts));
        if self.has_keys {
            statements.push((KEYS, &self.keys));
        }
        statements
    }
}

/// What a group expects to find when it has locked the log.
#[derive(Default)]
pub(super) struct Expected {
    /// The states of accounts that are not active; `None` for accounts that do not exist.
    states: HashMap<AccountId, Option<AccountState>>,
    /// The writes that were made before under keys, with the fingerprints of their requests.
    writes: HashMap<(UserId, String), (Vec<u8>, Written)>,
    /// The version of the directory; `None` for the one with which the rights to each write were confirmed.
    directory_version: Option<u64>,
}

impl Expected {
    pub(super) fn state(&self, account: AccountId) -> Option<AccountState> {
        self.states.get(&account).copied().unwrap_or(Some(AccountState::Active))
    }

    /// The outcome of a write that was made before.
    pub(super) fn earlier(&self, key: &IdempotencyKey) -> Option<Result<Written, Conflict>> {
        let (fingerprint, written) = self.writes.get(&(key.user, key.key.clone()))?;
        Some(judge::check_fingerprint(fingerprint, &key.fingerprint).map(|()| *written))
    }

    /// Whether the directory has the version with which the rights to a write were confirmed.
    pub(super) fn gives_rights(&self, piece: &Piece) -> bool {
        let confirmed = piece.origin.directory_version;
        self.directory_version.is_none() || confirmed.is_none() || confirmed == self.directory_version
    }

    /// Whether accounts, keys and rights are as expected. Expects from now on what was found.
    pub(super) fn holds(
        &mut self,
        pieces: &[&Piece],
        accounts: &[i64],
        looked: &[Done],
    ) -> Result<bool, DatabaseError> {
        let (mut found, mut version) = (HashMap::new(), None);
        for row in looked.iter().take(1).flat_map(|states| &states.rows) {
            version = Some(number(row, 2));
            if row.get::<_, Option<i64>>(0).is_some() {
                found.insert(AccountId(number(row, 0)), account_state(row, 1)?);
            }
        }
        let before = std::mem::replace(&mut self.directory_version, version);
        let mut holds = before == version || pieces.iter().all(|piece| self.gives_rights(piece));
        for account in accounts.iter().map(|account| AccountId(account.cast_unsigned())) {
            let state = found.get(&account).copied();
            holds &= self.state(account) == state;
            self.states.insert(account, state);
        }
        for row in looked.iter().skip(1).flat_map(|writes| &writes.rows) {
            let (key, written) = written_before(row);
            holds &= self.writes.insert(key, written).is_some();
        }
        Ok(holds)
    }
}

/// A write that was made under a key, from a row of [`KEYS`].
fn written_before(row: &Row) -> ((UserId, String), (Vec<u8>, Written)) {
    let (id, account) = (CustomerId(number(row, 3)), AccountId(number(row, 4)));
    let written = Written { id, account, at: Timestamp(row.get(5)), version: number(row, 6) };
    ((UserId(number(row, 0)), row.get(1)), (row.get(2), written))
}
