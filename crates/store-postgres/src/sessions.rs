//! The connections of a store: some that reads share, one for each runtime, and some that transactions have to themselves.

use crate::{
    error::DatabaseError,
    session::{Connector, Done, Session, Values},
};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    runtime::{Handle, Id},
    sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_postgres::Row;

/// How many transactions run at once, beside those of the writers.
const TRANSACTIONS: usize = 4;

/// How long a read or a transaction waits for its turn to have a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection for reading, once it was made.
type Reader = AsyncMutex<Option<Arc<Session>>>;

/// The connections of a store.
pub(crate) struct Sessions {
    connector: Connector,
    runtime: Handle,
    /// One for each runtime that reads: its tasks share a connection that is served beside them, so that no read wakes
    /// another thread.
    readers: Mutex<HashMap<Id, Arc<Reader>>>,
    idle: Arc<Mutex<Vec<Session>>>,
    permits: Arc<Semaphore>,
}

impl Sessions {
    pub(crate) fn new(connector: Connector, runtime: Handle) -> Sessions {
        Sessions {
            connector,
            runtime,
            readers: Mutex::default(),
            idle: Arc::default(),
            permits: Arc::new(Semaphore::new(TRANSACTIONS)),
        }
    }

    /// The connection for reading of the current runtime.
    pub(crate) async fn reader(&self) -> Result<Arc<Session>, DatabaseError> {
        let reader = self.readers.lock().entry(Handle::current().id()).or_default().clone();
        let mut reader = timeout(PATIENCE, reader.lock()).await.map_err(|_| DatabaseError::Timeout)?;
        match &*reader {
            Some(session) if !session.is_closed() => Ok(session.clone()),
            _ => Ok(reader.insert(Arc::new(self.connector.connect_here().await?)).clone()),
        }
    }

    /// Reads rows.
    pub(crate) async fn read(&self, sql: &'static str, values: Values<'_>) -> Result<Vec<Row>, DatabaseError> {
        self.reader().await?.rows(sql, values).await
    }

    /// Reads the first row, if there is one.
    pub(crate) async fn read_first(&self, sql: &'static str, values: Values<'_>) -> Result<Option<Row>, DatabaseError> {
        self.reader().await?.first(sql, values).await
    }

    /// Reads several results, which need not be of one moment.
    pub(crate) async fn read_all(&self, statements: &[(&'static str, Values<'_>)]) -> Result<Vec<Done>, DatabaseError> {
        self.reader().await?.run_all(statements).await
    }

    /// A connection for a transaction, which nothing else uses meanwhile.
    pub(crate) async fn lease(&self) -> Result<Lease, DatabaseError> {
        let permit = timeout(PATIENCE, self.permits.clone().acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(DatabaseError::Timeout)?;
        Ok(Lease { _permit: Some(permit), ..self.lease_for_writer().await? })
    }

    /// The same for one of the writers, which never waits for other transactions.
    pub(crate) async fn lease_for_writer(&self) -> Result<Lease, DatabaseError> {
        let idle = self.idle.lock().pop().filter(|session| !session.is_closed());
        let session = match idle {
            Some(session) => session,
            None => {
                let session = self.connector.connect().await?;
                session.write_in_transactions().await?;
                session
            }
        };
        Ok(Lease { session, idle: self.idle.clone(), runtime: self.runtime.clone(), _permit: None })
    }
}

/// A connection that a transaction has to itself.
pub(crate) struct Lease {
    pub(crate) session: Session,
    idle: Arc<Mutex<Vec<Session>>>,
    runtime: Handle,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Returns the connection. No transaction may be open on it.
    pub(crate) fn end(self) {
        self.idle.lock().push(self.session);
    }

    /// Rolls back the transaction on the connection, and returns it. A connection that fails to is closed, which rolls
    /// back as well.
    pub(crate) fn roll_back(self) {
        let runtime = self.runtime.clone();
        runtime.spawn(async move {
            if self.session.command("ROLLBACK").await.is_ok() {
                self.end();
            }
        });
    }
}
