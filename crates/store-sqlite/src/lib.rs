//! The embedded storage adapter: one SQLite database in a directory.
//!
//! * [`schema`]: opening, settings and migrations
//! * [`writer`]: the one thread that writes, and shares each commit among all who wait
//! * [`job`]: what waits to be written, and in which company
//! * [`reply`]: replies to the callers of the writer
//! * [`syncer`]: stable storage first, answers then
//! * [`failure`]: what a failed write means
//! * [`indexes`], made of [`hash_index`]: which names are taken and which keys were used, in memory
//! * [`loading`]: reading all names when a server starts
//! * [`durability_barrier`]: holds reads back until what they have read is on stable storage
//! * [`checkpoint`]: moving the write-ahead log into the database beside the writer
//! * [`page_scrub`]: what deleting leaves behind in pages
//! * [`readers`]: connections that read without waiting for the writer
//! * [`system_memory`]: whether the system can keep the database in memory
//! * [`blocking_pool`]: threads for reads that wait for the disk
//! * [`customers`], [`directory`], [`erasure`], [`audit`], [`settings`], [`backup`]: the port
//! * [`restore`]: replacing a registry by a restored one
//! * [`idempotency`]: writes that happen once
//! * [`import`]: many customers in one transaction
//! * [`listing`]: customers in the order of their ids, step by step
//! * [`lock`]: file locks
//!
//! Several processes may open the same directory, as the command line does while a server runs: SQLite's own locks
//! order their transactions.

mod audit;
mod backup;
mod blocking_pool;
mod checkpoint;
mod customers;
mod directory;
mod durability_barrier;
mod erasure;
mod error;
mod failure;
mod hash_index;
mod idempotency;
mod import;
mod indexes;
mod job;
mod listing;
mod loading;
mod lock;
mod page_scrub;
mod readers;
mod reply;
mod restore;
mod schema;
mod settings;
mod syncer;
mod system_memory;
mod writer;

pub use backup::{Noted, Restoring};
pub use error::OpenError;
pub use restore::Restore;

use audit::AuditTail;
use carnelian_store::{AuditChain, Clock, StoreError};
use checkpoint::WalTruncation;
use durability_barrier::DurabilityBarrier;
use indexes::Indexes;
use job::{WorkError, Writing};
use lock::{OpenPermit, RegistryLocks};
use readers::Readers;
use rusqlite::Connection;
use schema::DATABASE;
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};
use writer::{Writer, WriterParts};

/// Called once, when a commit or its sync has failed and only a restart can tell what is stored.
pub type OnFailure = Box<dyn Fn(String) + Send + Sync>;

/// How to open a store.
pub struct Options {
    /// Where its files are; created if missing.
    pub directory: PathBuf,
    /// How many connections to keep open for reading.
    pub readers: usize,
    /// Whether customers are written; at most one process does at a time.
    pub writes_customers: bool,
    /// Tells when a transaction begins: that is the time of what is written in it.
    pub clock: Arc<dyn Clock>,
    /// Links the entries of the audit log.
    pub audit_chain: Arc<dyn AuditChain>,
    /// Told when the store has failed for good.
    pub on_failure: OnFailure,
}

/// A registry in a directory.
pub struct SqliteStore {
    writer: Writer,
    readers: Arc<Readers>,
    barrier: Arc<DurabilityBarrier>,
    wal_truncation: Arc<WalTruncation>,
    /// What is kept in memory; `None` in a process that may not write customers.
    indexes: Option<Arc<Indexes>>,
    clock: Arc<dyn Clock>,
    /// Whether this process has claimed an erasure; until then every lease belongs to a process that has ended.
    has_claimed: AtomicBool,
    /// Dropped last, when no connection is open any more.
    _files: OpenFiles,
}

/// The locks and files that stay open while any connection is open.
struct OpenFiles {
    _locks: RegistryLocks,
    /// Closing this file releases the locks that SQLite has on it.
    _database: Arc<File>,
}

impl SqliteStore {
    /// Opens the registry in a directory, and makes or upgrades it first where needed.
    pub fn open(options: Options) -> Result<SqliteStore, OpenError> {
        schema::assert_sqlite_version()?;
        let directory = options.directory.clone();
        let OpenPermit { locks, directory: _locked } = OpenPermit::acquire(&directory, options.writes_customers)?;
        restore::clean_up(&directory)?;
        let opened = SqliteStore::open_database(options, locks);
        let store = opened.map_err(|error| restore::not_opened(&directory, error))?;
        restore::remove_old(&directory)?;
        Ok(store)
    }

    fn open_database(options: Options, locks: RegistryLocks) -> Result<SqliteStore, OpenError> {
        let path = options.directory.join(DATABASE);
        // A process that does not serve is alone if it could.
        let alone = locks.serving.is_some();
        let connection = schema::open_for_writing(&path, alone, &*options.audit_chain)?;
        let explain = |source| OpenError::Directory { path: path.clone(), source };
        let database = Arc::new(File::open(&path).map_err(explain)?);
        let locks = RegistryLocks { serving: locks.serving.filter(|_| options.writes_customers), ..locks };
        let readers = Arc::new(Readers::open(&path, options.readers, options.writes_customers)?);
        let barrier = Arc::new(DurabilityBarrier::default());
        let wal_truncation = Arc::new(WalTruncation::default());
        let indexes = options.writes_customers.then(|| Indexes::load(&path, &connection).map(Arc::new)).transpose()?;
        let parts = WriterParts {
            connection,
            indexes: indexes.clone(),
            audit: AuditTail::new(options.audit_chain),
            clock: options.clock.clone(),
            on_failure: options.on_failure,
            readers: readers.clone(),
            barrier: barrier.clone(),
            wal_truncation: wal_truncation.clone(),
            sync: syncer::log_sync(&path).map_err(explain)?,
            probe_file: Some(locks.open.file_again()?),
            database: database.clone(),
        };
        let writer = Writer::start(parts, &path)?;
        let files = OpenFiles { _locks: locks, _database: database };
        Ok(SqliteStore {
            writer,
            readers,
            barrier,
            wal_truncation,
            indexes,
            clock: options.clock,
            has_claimed: AtomicBool::new(false),
            _files: files,
        })
    }

    /// Whether a directory holds a registry.
    pub fn exists(directory: &Path) -> bool {
        restore::exists(directory)
    }

    /// Reads what any process may have written, and shows it only once it is on stable storage: nothing is ever shown
    /// that a power cut could take back.
    async fn read_synced<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let found = self.readers.read_fresh(query).await?;
        let syncer = self.writer.syncer.clone();
        self.readers.run_blocking(move || syncer.sync_read()).await?;
        Ok(found)
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(work).await
    }
}

/// Makes a directory that only its owner can enter, and makes sure that it is still there after a power cut.
pub fn make_directory(directory: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt;
    let explain = |source| OpenError::Directory { path: directory.to_owned(), source };
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_directory(parent)?;
    match std::fs::DirBuilder::new().mode(0o700).create(directory) {
        // Another process was quicker.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && directory.is_dir() => {}
        other => other.map_err(explain)?,
    }
    std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(explain)
}
