//! The store: what it consists of, and how it is opened.

use crate::{
    background::Background,
    barrier::Barrier,
    core::Core,
    error::{DatabaseError, OpenError, UnsafeDatabase},
    port::rows::number,
    schema,
    session::Database,
    sessions::Sessions,
    writer::Writer,
};
use carnelian_store::{Clock, OnFailure, RegistryKeys, StoreError};
use std::sync::Arc;

const REGISTRY: &str = "SELECT id, directory_version FROM registry";

/// How to open a store.
pub struct Options {
    /// The database.
    pub database: Database,
    /// The clock. All writes of a transaction have the time at which it began.
    pub clock: Arc<dyn Clock>,
    /// The keys of the registry.
    pub keys: Arc<dyn RegistryKeys>,
    /// Called with the reason if the registry can be served no longer: a later release has changed its schema.
    pub on_failure: OnFailure,
}

/// A registry in a PostgreSQL database.
pub struct PostgresStore {
    pub(crate) core: Arc<Core>,
    pub(crate) writer: Writer,
    pub(crate) barrier: Barrier,
    on_failure: OnFailure,
    _background: Background,
}

impl PostgresStore {
    /// Opens the registry in a database that was prepared by [`migrate`](schema::migrate).
    pub async fn open(options: Options) -> Result<PostgresStore, OpenError> {
        let background = Background::start()?;
        let connector = background.connector(&options.database)?;
        connector.check_sessions().await?;
        let session = connector.connect().await?;
        let id = schema::check(&session).await?;
        drop(session);
        let Options { clock, keys, on_failure, .. } = options;
        let handle = background.handle().clone();
        let sessions = Sessions::new(connector, handle.clone());
        let core = Arc::new(Core::new(sessions, clock, keys, id));
        let writer = Writer::start(&core, &handle);
        Ok(PostgresStore { writer, core, barrier: Barrier::default(), on_failure, _background: background })
    }

    /// Checks that the database is as it must be to be served: its settings, its schema and the registry in it may change
    /// meanwhile. Returns the version of the directory.
    pub(crate) async fn check(&self) -> Result<u64, StoreError> {
        let session = self.core.sessions.reader().await?;
        session.check().await?;
        match schema::check_version(&session).await {
            Ok(()) => {}
            Err(OpenError::Database(error)) => return Err(error.into()),
            Err(error) => {
                (self.on_failure)(error.to_string());
                return Err(StoreError::unavailable(error));
            }
        }
        let registry = session.one(REGISTRY, &[]).await?;
        if registry.get::<_, &[u8]>(0) == self.core.registry_id().0 {
            Ok(number(&registry, 1))
        } else {
            Err(DatabaseError::from(UnsafeDatabase::OtherRegistry).into())
        }
    }
}
