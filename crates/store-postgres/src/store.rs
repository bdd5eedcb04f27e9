//! The store: what it consists of, and how it is opened.

use crate::{
    background::Background,
    barrier::Barrier,
    core::Core,
    error::OpenError,
    schema,
    session::{Database, Session},
    sessions::Sessions,
    writer::Writer,
};
use carnelian_store::{Clock, OnFailure, RegistryKeys, StoreError};
use std::sync::Arc;

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

    /// Checks that the database is as it must be to be served: its settings and its schema may change meanwhile.
    pub(crate) async fn check(&self, session: &Session) -> Result<(), StoreError> {
        session.check().await?;
        match schema::check_version(session).await {
            Ok(()) => Ok(()),
            Err(OpenError::Database(error)) => Err(error.into()),
            Err(error) => {
                (self.on_failure)(error.to_string());
                Err(StoreError::unavailable(error))
            }
        }
    }
}
