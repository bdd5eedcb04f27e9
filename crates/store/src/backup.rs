//! Backups: everything in a registry at one moment, row by row.

use crate::StoreError;
use carnelian_domain::{AccountId, CustomerId};
use std::io;

/// A part of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupPart {
    /// What the rows were written by: they are read by the same version, or a later one.
    Schema(u32),
    /// The wrapped data key of an account that is not erased; these come before every row.
    Key(AccountId, Vec<u8>),
    /// A row, never with a data key in it.
    Row(BackupRow),
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupRow {
    /// The table.
    pub table: String,
    /// The row's number in it; 0 where rows have none.
    pub id: u64,
    /// The account that the row is part of, if it tells anything of one that is not erased.
    pub account: Option<AccountId>,
    /// The row, in a form that the store knows.
    pub content: Vec<u8>,
}

/// What a later restore must not bring back, and must not give away again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The accounts that are not erased, with their wrapped data keys.
    pub keys: Vec<(AccountId, Vec<u8>)>,
    /// The customers that were erased one by one.
    pub erased_customers: Vec<CustomerId>,
    /// The highest account id that was ever given, so that a ledger that is older than a backup is known.
    pub last_account: u64,
    /// The first customer id that was never set aside.
    pub next_customer_id: u64,
}

/// Takes in the parts of a backup.
pub type TakePart<'a> = dyn FnMut(BackupPart) -> io::Result<()> + 'a;

/// What can be backed up.
pub trait Backups: Send + Sync {
    /// Hands out everything there is at one moment, while others read and write; idempotency keys are left out.
    fn back_up(&self, take: &mut TakePart<'_>) -> Result<(), StoreError>;

    /// What is and what is no longer.
    fn ledger(&self) -> Result<Ledger, StoreError>;
}
