//! The store: what it consists of, and how it is opened.

use crate::{
    background::Background, core::Core, error::OpenError, schema, session::Database, sessions::Sessions, writer::Writer,
};
use carnelian_store::{Clock, RegistryKeys};
use std::sync::Arc;

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

impl PostgresStore {
    /// Opens the registry in a database that was prepared by [`migrate`](schema::migrate).
    pub async fn open(options: Options) -> Result<PostgresStore, OpenError> {
        let background = Background::start()?;
        let connector = background.connector(&options.database)?;
        let session = connector.connect().await?;
        let id = schema::check(&session).await?;
        drop(session);
        let Options { readers, clock, keys, .. } = options;
        let handle = background.handle().clone();
        let sessions = Sessions::new(connector, handle.clone(), readers);
        let core = Arc::new(Core::new(sessions, clock, keys, id));
        Ok(PostgresStore { writer: Writer::start(&core, &handle), core, _background: background })
    }
}
