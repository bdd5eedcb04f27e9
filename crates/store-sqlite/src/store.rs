//! The store: what it consists of, and how it is opened.

use crate::{
    commit::{
        audit_tail::AuditTail,
        checkpoint::WalTruncation,
        durability_barrier::DurabilityBarrier,
        job::{WorkError, WriteTx},
        syncer,
        writer::{Writer, WriterParts},
    },
    error::OpenError,
    files::{
        file_system::{index_of_log, log_of},
        lock::{self, OnWait, OpenPermit, RegistryLocks},
        presence::Presence,
        restore,
        schema::{self, DATABASE},
    },
    memory::indexes::Indexes,
    read::readers::Readers,
    words::feeder::WordFeeder,
};
use carnelian_domain::Origin;
use carnelian_store::{AuditChain, Clock, DirectoryKey, OnFailure, RegistryId, RegistryKeys, StoreError};
use parking_lot::Mutex;
use rusqlite::{Connection, Row};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

/// How to open a store.
pub struct Options {
    /// The data directory; it is created if it does not exist.
    pub directory: PathBuf,
    /// How many connections are kept open for reading.
    pub readers: usize,
    /// Whether this process writes customers; at most one process does at a time.
    pub writes_customers: bool,
    /// The clock. All writes of a transaction have the time at which it began.
    pub clock: Arc<dyn Clock>,
    /// The keys of the registry.
    pub keys: Arc<dyn RegistryKeys>,
    /// Called if opening it has to wait for another process.
    pub on_wait: OnWait,
    /// Called when the store has failed: every later write is refused, and the process must restart.
    pub on_failure: OnFailure,
}

/// A registry in a directory.
pub struct SqliteStore {
    /// Dropped first, since it writes; `None` in a process that may not write customers.
    pub(crate) _word_feeder: Option<WordFeeder>,
    pub(crate) writer: Writer,
    pub(crate) readers: Arc<Readers>,
    pub(crate) barrier: Arc<DurabilityBarrier>,
    pub(crate) wal_truncation: Arc<WalTruncation>,
    /// The indexes in memory; `None` in a process that may not write customers.
    pub(crate) indexes: Option<Arc<Indexes>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<dyn RegistryKeys>,
    /// The registry's id; that of the backup's registry once a restore has begun.
    pub(crate) id: Mutex<RegistryId>,
    /// Whether this process has claimed an erasure; until then every lease belongs to a process that has ended.
    pub(crate) has_claimed: AtomicBool,
    /// Dropped last, when no connection is open any more.
    pub(crate) _files: OpenFiles,
}

/// The locks and files that stay open while any connection is open.
pub(crate) struct OpenFiles {
    pub(crate) _locks: RegistryLocks,
    /// Closing this file releases the locks that SQLite has on it.
    pub(crate) _database: Arc<File>,
}

/// The files that must stay in the directory while the registry is open.
fn watch(path: &Path, database: &File, locks: &RegistryLocks, clock: Arc<dyn Clock>) -> io::Result<Presence> {
    let mut presence = Presence::new(path.parent().unwrap_or(Path::new(".")), clock)?;
    presence.add(path, database)?;
    for companion in [log_of(path), index_of_log(path)] {
        presence.add_named(companion)?;
    }
    locks.watch(&mut presence)?;
    Ok(presence)
}

impl SqliteStore {
    /// Opens the registry in a directory. Creates it if it does not exist, and migrates an older schema.
    ///
    /// Fails if another process writes customers and this one wants to, or while a restore runs.
    pub fn open(options: Options) -> Result<SqliteStore, OpenError> {
        schema::assert_sqlite_version()?;
        let directory = options.directory.clone();
        let OpenPermit { locks, opening: _opening } =
            OpenPermit::acquire(&directory, options.writes_customers, options.on_wait)?;
        restore::clean_up(&directory)?;
        let opened = SqliteStore::open_database(options, locks);
        let store = opened.map_err(|error| restore::not_opened(&directory, error))?;
        restore::remove_old(&directory)?;
        Ok(store)
    }

    fn open_database(options: Options, locks: RegistryLocks) -> Result<SqliteStore, OpenError> {
        let path = options.directory.join(DATABASE);
        // With the serving lock, no server can have the registry open.
        let alone = locks.serving.is_some();
        let connection = schema::open_for_writing(&path, alone, &*options.keys)?;
        let read = |row: &Row<'_>| Ok((RegistryId(row.get(0)?), row.get(1)?));
        let (id, restoring) = connection.query_row("SELECT id, restoring FROM registry", [], read)?;
        if restoring {
            return Err(OpenError::RestoreUnfinished(options.directory));
        }
        let explain = |source| OpenError::Directory { path: path.clone(), source };
        let database = Arc::new(File::open(&path).map_err(explain)?);
        let locks = RegistryLocks { serving: locks.serving.filter(|_| options.writes_customers), ..locks };
        let presence = watch(&path, &database, &locks, options.clock.clone()).map(Arc::new).map_err(explain)?;
        let readers = Arc::new(Readers::open(&path, options.readers, options.writes_customers)?);
        let barrier = Arc::new(DurabilityBarrier::default());
        let wal_truncation = Arc::new(WalTruncation::default());
        let indexes = options.writes_customers.then(|| Indexes::load(&path, &connection).map(Arc::new)).transpose()?;
        let parts = WriterParts {
            connection,
            indexes: indexes.clone(),
            audit: AuditTail::new(options.keys.audit_chain(id)),
            clock: options.clock.clone(),
            on_failure: options.on_failure,
            readers: readers.clone(),
            barrier: barrier.clone(),
            wal_truncation: wal_truncation.clone(),
            sync: syncer::log_sync(&path).map_err(explain)?,
            probe_file: Some(locks.open.file_again()?),
            presence: Some(presence),
            database: database.clone(),
        };
        let writer = Writer::start(parts, &path)?;
        let start_feeder = |indexes| WordFeeder::start(indexes, writer.queue(), readers.clone());
        let word_feeder = indexes.clone().map(start_feeder).transpose()?;
        let files = OpenFiles { _locks: locks, _database: database };
        Ok(SqliteStore {
            _word_feeder: word_feeder,
            writer,
            readers,
            barrier,
            wal_truncation,
            indexes,
            clock: options.clock,
            id: Mutex::new(id),
            keys: options.keys,
            has_claimed: AtomicBool::new(false),
            _files: files,
        })
    }

    /// What seals the directory.
    pub(crate) fn directory_key(&self) -> Arc<dyn DirectoryKey> {
        self.keys.directory_key(*self.id.lock())
    }

    /// What links and seals the audit log.
    pub(crate) fn audit_chain(&self) -> Arc<dyn AuditChain> {
        self.keys.audit_chain(*self.id.lock())
    }

    /// Whether a directory holds a registry.
    ///
    /// Fails if it cannot be found out, and if another process has a registry open whose database was removed.
    pub fn exists(directory: &Path, on_wait: OnWait) -> Result<bool, OpenError> {
        lock::exists(directory, on_wait)
    }

    /// Reads data that other processes write too, and syncs the log before it returns, so that no read returns what a
    /// power cut could undo.
    pub(crate) async fn read_synced<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let found = self.readers.read_fresh(query).await?;
        self.sync_what_was_read().await?;
        Ok(found)
    }

    /// Reads a step of a scan of data that other processes write too. The scan syncs the log at its end.
    pub(crate) async fn read_step<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.readers.scan_turn().await;
        let found = self.readers.read_fresh(query).await?;
        drop(turn);
        tokio::task::yield_now().await;
        Ok(found)
    }

    /// Syncs the log, so that nothing that was read can be undone by a power cut.
    pub(crate) async fn sync_what_was_read(&self) -> Result<(), StoreError> {
        let syncer = self.writer.syncer.clone();
        self.readers.run_blocking(move || syncer.sync_read()).await
    }

    /// Runs `work` in a transaction and waits until its commit is on stable storage.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(work).await
    }

    /// The same for a write of a caller: fails with [`DirectoryChanged`](carnelian_store::Conflict) if the directory is not the one with which
    /// the rights to it were confirmed.
    pub(crate) async fn write_for<T: Send + 'static>(
        &self,
        origin: &Origin,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let confirmed = origin.directory_version;
        self.write(move |tx| {
            tx.check_rights(confirmed)?;
            work(tx)
        })
        .await
    }
}
