//! The store: what it consists of, and how it is opened.

use crate::{
    error::{DatabaseError, OpenError},
    schema,
    session::{Connector, Database},
    sessions::Sessions,
    transaction::Transaction,
    writer::Writer,
};
use carnelian_store::{AuditChain, Clock, DirectoryKey, PartitionId, RegistryId, RegistryKeys};
use parking_lot::RwLock;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// The one partition that there is.
pub(crate) const PARTITION: PartitionId = PartitionId::FIRST;

/// Its number, as it is stored.
pub(crate) const PARTITION_NUMBER: i64 = PARTITION.0 as i64;

/// How to open a store.
pub struct Options {
    /// The database.
    pub database: Database,
    /// How many connections reads share.
    pub readers: usize,
    /// The clock. All writes of a transaction have the time at which it began.
    pub clock: Arc<dyn Clock>,
    /// The keys of the registry.
    pub keys: Arc<dyn RegistryKeys>,
}

/// A registry in a PostgreSQL database.
pub struct PostgresStore {
    pub(crate) core: Arc<Core>,
    pub(crate) writer: Writer,
    _background: Background,
}

/// What transactions need.
pub(crate) struct Core {
    pub(crate) sessions: Sessions,
    pub(crate) clock: Arc<dyn Clock>,
    keys: Arc<dyn RegistryKeys>,
    audit_chain: RwLock<Arc<dyn AuditChain>>,
    directory_key: RwLock<Arc<dyn DirectoryKey>>,
}

impl Core {
    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self) -> Result<Transaction, DatabaseError> {
        Transaction::begin(&self.sessions, self.clock.now()).await
    }

    /// Links the entries of the audit log.
    pub(crate) fn audit_chain(&self) -> Arc<dyn AuditChain> {
        self.audit_chain.read().clone()
    }

    /// Seals the directory.
    pub(crate) fn directory_key(&self) -> Arc<dyn DirectoryKey> {
        self.directory_key.read().clone()
    }

    /// Goes on with the keys of another registry, which is restored.
    pub(crate) fn adopt(&self, registry: RegistryId) {
        *self.audit_chain.write() = self.keys.audit_chain(registry);
        *self.directory_key.write() = self.keys.directory_key(registry);
    }
}

impl PostgresStore {
    /// Opens the registry in a database that was prepared by [`migrate`](schema::migrate).
    pub async fn open(options: Options) -> Result<PostgresStore, OpenError> {
        let background = Background::start()?;
        let connector = background.connector(&options.database)?;
        let session = connector.connect().await?;
        let id = schema::check(&session).await?;
        drop(session);
        let Options { readers, clock, keys, .. } = options;
        let audit_chain = RwLock::new(keys.audit_chain(id));
        let directory_key = RwLock::new(keys.directory_key(id));
        let handle = background.runtime().handle().clone();
        let sessions = Sessions::new(connector, handle.clone(), readers);
        let core = Arc::new(Core { sessions, clock, keys, audit_chain, directory_key });
        Ok(PostgresStore { writer: Writer::start(&core, &handle), core, _background: background })
    }
}

/// The runtime that serves connections and runs the writers: callers may come from any other one.
pub(crate) struct Background(Option<Runtime>);

impl Background {
    pub(crate) fn start() -> Result<Background, OpenError> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("postgres").enable_all().build();
        Ok(Background(Some(runtime.map_err(OpenError::Thread)?)))
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("the runtime is there until it is dropped")
    }

    pub(crate) fn connector(&self, database: &Database) -> Result<Connector, OpenError> {
        Connector::new(database, self.runtime().handle().clone())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A runtime may not wait for its end on a thread of another one.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
