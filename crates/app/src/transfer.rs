//! Import and export of whole registries for operators. There is no caller, and every account is in scope.
//!
//! ```text
//! reader thread: read, check rules ─► find account, seal ─► batch of 1,000 rows ─► one transaction in the store
//!                                                           (3 batches pending)     customers, audit entries, progress
//! ```
//!
//! A rejected row changes nothing; the other rows of its batch are stored. The transaction of a batch also records the number
//! of rows processed so far and the rows that the store rejected, under a digest of the file's content and the options. A
//! batch states the number of rows that must be processed before it, and is refused as a whole if the recorded number
//! differs. An interrupted import therefore resumes after the last stored row, and its summary covers all rows. Progress that
//! is not used for 30 days is deleted when another import starts.
//!
//! With [`OnDuplicate::Update`] the existing customer is known only inside the transaction, where the details are sealed for it.
//!
//! An import runs in the server, or has the registry to itself. An export ([`export`]) reads pages in the order of ids, also while a server
//! runs, and is recorded in the audit log once.

pub mod export;

use crate::{
    App, Failure, admin::AdminError, customers::changed_fields, directory::Account, failure::Internal, sealing,
};
use aws_lc_rs::digest::{Context, SHA256};
use carnelian_domain::{
    AccountId, AccountState, CustomerDraft, CustomerId, Origin, Problem, Rules, Scope, directory::check_name,
    unique_name,
};
use carnelian_store::{
    Conflict, CustomerFilter, IdBlock, ImportBatch, ImportRow, ImportStep, Imported, ListCustomers, PartitionId,
    Replace, Replacement, RowOutcome, StoreError, StoredCustomer,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::task::{JoinHandle, yield_now};

/// How many rows are best sent together: enough to share a sync, and few enough to be redone.
pub const BATCH: usize = 1000;

/// How many ids are reserved at once while more rows are to come.
const IDS: u64 = 10_000;

/// A file format of customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// A header line, and one row per customer.
    Csv,
    /// JSON Lines: one JSON object per line.
    Jsonl,
}

impl FileFormat {
    /// Every format.
    pub const ALL: [FileFormat; 2] = [FileFormat::Csv, FileFormat::Jsonl];

    /// The format's name.
    pub fn name(self) -> &'static str {
        match self {
            FileFormat::Csv => "csv",
            FileFormat::Jsonl => "jsonl",
        }
    }
}

/// What becomes of a row whose name is taken in its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// It is refused.
    Fail,
    /// It is passed over.
    Skip,
    /// It replaces the customer that has the name.
    Update,
}

impl OnDuplicate {
    /// Every case.
    pub const ALL: [OnDuplicate; 3] = [OnDuplicate::Fail, OnDuplicate::Skip, OnDuplicate::Update];

    /// The case's name.
    pub fn name(self) -> &'static str {
        match self {
            OnDuplicate::Fail => "fail",
            OnDuplicate::Skip => "skip",
            OnDuplicate::Update => "update",
        }
    }
}

/// How customers are imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportOptions {
    /// Whether accounts that do not exist are created.
    pub create_accounts: bool,
    /// What becomes of a row whose name is taken in its account.
    pub on_duplicate: OnDuplicate,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// The result of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowResult {
    /// A customer was created.
    Created,
    /// The existing customer of that name was replaced.
    Updated,
    /// The name exists, and the row was skipped.
    Skipped,
    /// The row was rejected.
    Rejected(Problem),
}

/// Where to resume an interrupted import.
#[derive(Debug, Default)]
pub struct ResumePoint {
    /// The number of rows that are processed.
    pub rows: u64,
    /// The results of those that the store has not created or replaced, in order.
    pub results: Vec<(u64, RowResult)>,
}

/// An import that is going on.
pub struct Importer<'a> {
    app: &'a App,
    origin: &'a Origin,
    options: ImportOptions,
    /// Its identity; `None` if it cannot be resumed.
    identity: Option<Vec<u8>>,
    /// How many rows are on their way or done.
    rows: u64,
    /// The ids that are reserved for the next rows, by partition.
    ids: HashMap<PartitionId, IdBlock>,
    /// What the accounts and names of the rows before come to, if nothing is written: far less than they are themselves.
    names: HashSet<[u8; 16]>,
}

/// Rows that were sent to the store.
pub struct PendingBatch {
    on_duplicate: OnDuplicate,
    stored: JoinHandle<Result<Vec<RowOutcome>, StoreError>>,
}

impl App {
    /// An import, and how far it came before if it was cut short.
    ///
    /// `parts` and the rules in force identify it; without them it cannot be resumed.
    pub async fn import_customers<'a>(
        &'a self,
        options: ImportOptions,
        parts: Option<&[&[u8]]>,
        origin: &'a Origin,
    ) -> Result<(Importer<'a>, ResumePoint), Failure> {
        let outcome = outcome_parts(options, &self.rules);
        let identify = |parts: &[&[u8]]| {
            let mut all = vec![b"import_customers 1".as_slice(), outcome.as_bytes()];
            all.extend(parts);
            self.keys.vault.fingerprint(&all).to_vec()
        };
        let identity = parts.filter(|_| !options.dry_run).map(identify);
        let progress = match &identity {
            Some(identity) => self.store.import_progress(identity).await?.unwrap_or_default(),
            None => Default::default(),
        };
        let end = |(row, conflict)| (row, refused(options.on_duplicate, conflict));
        let earlier = ResumePoint { rows: progress.rows, results: progress.refused.into_iter().map(end).collect() };
        let names = HashSet::new();
        Ok((Importer { app: self, origin, options, identity, rows: earlier.rows, ids: HashMap::new(), names }, earlier))
    }

    /// An account by its name, also one that another process has just made.
    async fn account_for_transfer(&self, name: &str) -> Result<Option<Arc<Account>>, Failure> {
        let find = || self.directory.load().account_named(name, &Scope::Every).cloned();
        if let Some(account) = find() {
            return Ok(Some(account));
        }
        self.refresh_directory().await?;
        Ok(find())
    }
}

impl Importer<'_> {
    /// Sends the next rows to the store, so many of the import being done with them.
    ///
    /// Rows keep their order; the returned value resolves to their outcomes.
    pub async fn send(&mut self, drafts: Vec<(u64, CustomerDraft)>, to: u64) -> Result<PendingBatch, Failure> {
        let on_duplicate = self.options.on_duplicate;
        if self.options.dry_run {
            let ends = self.try_out(drafts).await?;
            return Ok(PendingBatch { on_duplicate, stored: tokio::spawn(async move { Ok(ends) }) });
        }
        let (mut rows, mut left) = (Vec::with_capacity(drafts.len()), drafts.len() as u64);
        for (number, draft) in drafts {
            rows.push((number, self.row(draft, left).await?));
            left -= 1;
        }
        let step = self.identity.clone().map(|import| ImportStep { import, from: self.rows, to });
        self.rows = to;
        let (store, origin) = (self.app.store.clone(), self.origin.clone());
        let stored = tokio::spawn(async move { store.import_customers(ImportBatch { rows, step }, &origin).await });
        // It is queued before the next one is.
        yield_now().await;
        Ok(PendingBatch { on_duplicate, stored })
    }

    /// The import is done: what was noted of it is forgotten.
    pub async fn finish(self) -> Result<(), Failure> {
        match &self.identity {
            Some(identity) => Ok(self.app.store.finish_import(identity).await?),
            None => Ok(()),
        }
    }

    async fn row(&mut self, draft: CustomerDraft, left: u64) -> Result<ImportRow, Failure> {
        let Some(account) = self.account(draft.account_name.as_str()).await? else {
            return Ok(ImportRow::Refused(Conflict::NoSuchAccount));
        };
        let id = self.next_id(account.id, left).await?;
        let replace = self.options.on_duplicate == OnDuplicate::Update;
        let replace = replace.then(|| self.replacement(account.clone(), draft.clone()));
        Ok(ImportRow::Customer { new: self.app.sealed(id, &account, draft)?, replace })
    }

    /// An id for a customer of an account; `left` is how many rows of the batch have none yet.
    async fn next_id(&mut self, account: AccountId, left: u64) -> Result<CustomerId, Failure> {
        let partition = self.app.store.partition_of(account);
        if let Some(id) = self.ids.get_mut(&partition).and_then(Iterator::next) {
            return Ok(id);
        }
        let more_to_come = left >= BATCH as u64 || self.rows > 0;
        let mut block = self.app.customer_ids.block(partition, if more_to_come { IDS } else { left }).await?;
        let id = block.next().ok_or_else(|| Failure::Internal(Internal::new("a block of ids is empty")))?;
        self.ids.insert(partition, block);
        Ok(id)
    }

    /// Makes the replacement of whichever customer has the name.
    fn replacement(&self, account: Arc<Account>, draft: CustomerDraft) -> Replace {
        let entropy = self.app.entropy.clone();
        Arc::new(move |id, current: &StoredCustomer| {
            let key = account.key().expect("the key has sealed the row before");
            Replacement {
                sealed: sealing::seal(key, &*entropy, account.id, id, &draft.details),
                changed_fields: changed_fields(id, current, &account, &draft),
            }
        })
    }

    /// The account of that name; created first if the options say so.
    async fn account(&self, name: &str) -> Result<Option<Arc<Account>>, Failure> {
        let found = self.app.account_for_transfer(name).await?;
        if found.is_some() || !self.options.create_accounts {
            return Ok(found);
        }
        match self.app.local_admin(self.origin).create_account(name).await {
            Ok(_) | Err(AdminError::Conflict(Conflict::NameTaken)) => self.app.account_for_transfer(name).await,
            // The rules allow names that no account can have.
            Err(AdminError::BadName { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What would become of rows.
    async fn try_out(&mut self, drafts: Vec<(u64, CustomerDraft)>) -> Result<Vec<RowOutcome>, Failure> {
        let mut ends = Vec::with_capacity(drafts.len());
        for (_, draft) in drafts {
            ends.push(self.try_row(&draft).await?);
        }
        Ok(ends)
    }

    async fn try_row(&mut self, draft: &CustomerDraft) -> Result<RowOutcome, Failure> {
        let name = draft.account_name.as_str();
        let account = self.app.account_for_transfer(name).await?;
        let could_be = self.options.create_accounts && check_name(name).is_ok();
        if account.is_none() && !could_be {
            return Ok(Err(Conflict::NoSuchAccount));
        }
        let erasing = |account: &Arc<Account>| account.state != AccountState::Active;
        if account.as_ref().is_some_and(erasing) {
            return Ok(Err(Conflict::ErasureInProgress));
        }
        let customer_name = draft.name.unique_form();
        let first = self.names.insert(fingerprint(&unique_name(name), &customer_name));
        let taken = !first || self.is_taken(account.map(|account| account.id), customer_name).await?;
        Ok(match (taken, self.options.on_duplicate) {
            (false, _) => Ok(Imported::Created(CustomerId(0))),
            (true, OnDuplicate::Update) => Ok(Imported::Replaced(CustomerId(0))),
            (true, OnDuplicate::Fail | OnDuplicate::Skip) => Err(Conflict::NameTaken),
        })
    }

    async fn is_taken(&self, account: Option<AccountId>, unique_name: String) -> Result<bool, Failure> {
        let Some(account) = account else { return Ok(false) };
        let (accounts, unique_name) = (Some(vec![account]), Some(unique_name));
        let filter = CustomerFilter { accounts, unique_name, ..CustomerFilter::default() };
        let list = ListCustomers { filter, after: CustomerId(0), skip: 0, limit: 1 };
        Ok(!self.app.store.list_customers(&list).await?.is_empty())
    }
}

impl PendingBatch {
    /// Waits until the rows are on stable storage, and returns their results.
    pub async fn results(self) -> Result<Vec<RowResult>, Failure> {
        let gone = |error: tokio::task::JoinError| Failure::Internal(Internal::new(error.to_string()));
        let end = |outcome| match outcome {
            Ok(Imported::Created(_)) => RowResult::Created,
            Ok(Imported::Replaced(_)) => RowResult::Updated,
            Err(conflict) => refused(self.on_duplicate, conflict),
        };
        Ok(self.stored.await.map_err(gone)??.into_iter().map(end).collect())
    }
}

/// Everything besides a file's content that decides the outcome of its rows, by name. It is part of an import's identity.
fn outcome_parts(options: ImportOptions, rules: &Rules) -> String {
    let on_duplicate = options.on_duplicate.name();
    let mut parts = vec![
        format!("create_accounts={}", options.create_accounts),
        format!("on_duplicate={on_duplicate}"),
        format!("max_contacts={}", rules.max_contacts),
        format!("require_shipping_address={}", rules.require_shipping_address),
    ];
    parts.extend(rules.text_rules().iter().map(|(field, rule)| format!("{field}={}..{}", rule.min, rule.max)));
    parts.join("\n")
}

/// The same for the same account and name, and never for others: half of a SHA-256 digest.
fn fingerprint(account: &str, unique_name: &str) -> [u8; 16] {
    let mut digest = Context::new(&SHA256);
    // With its length no account can run into a name.
    digest.update(&(account.len() as u64).to_be_bytes());
    digest.update(account.as_bytes());
    digest.update(unique_name.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&digest.finish().as_ref()[..16]);
    half
}

fn refused(on_duplicate: OnDuplicate, conflict: Conflict) -> RowResult {
    match (conflict, on_duplicate) {
        (Conflict::NameTaken, OnDuplicate::Skip) => RowResult::Skipped,
        _ => RowResult::Rejected(Failure::from(StoreError::Conflict(conflict)).problem()),
    }
}
