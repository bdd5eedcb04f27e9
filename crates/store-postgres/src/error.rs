//! The errors of this adapter, and what each of them means to the caller of the store.

use carnelian_store::StoreError;
use std::io;
use tokio_postgres::error::SqlState;

/// Why a registry could not be opened or prepared.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL cannot be read. It may contain a password, so it is not part of the message.
    #[error("the database URL is not valid: {0}")]
    Url(String),
    /// The certificates to check the server's with cannot be read.
    #[error("cannot read the certificates of authorities: {0}")]
    Certificates(String),
    /// The database cannot be reached, or refuses the connection.
    #[error("cannot connect to the database: {0}")]
    Connect(String),
    /// The database could lose what it has acknowledged.
    #[error("{0}")]
    Unsafe(UnsafeDatabase),
    /// There is no registry in the database.
    #[error(
        "the database holds no registry: run `carnelian migrate`, or `carnelian serve --migrate` for a single server"
    )]
    NotPrepared,
    /// A later release has changed the schema so that this one cannot serve it.
    #[error(
        "the registry has schema {found}, for releases that know schema {oldest}, and this one knows up to {known}; use a \
         newer release"
    )]
    TooNew {
        /// The schema that is there.
        found: i64,
        /// The newest schema that the oldest release knows that can serve it.
        oldest: i64,
        /// The newest schema that this release knows.
        known: i64,
    },
    /// An earlier release has made the schema.
    #[error("the registry has schema {found}, and this release needs {needed}: run `carnelian migrate`")]
    TooOld {
        /// The schema that is there.
        found: i64,
        /// The oldest schema that this release can serve.
        needed: i64,
    },
    /// The registry was being filled from a backup, and that did not end.
    #[error("the registry in the database was not restored to the end; restore it again into an empty database")]
    RestoreUnfinished,
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// The database reports an error.
    #[error("cannot open the registry: {0}")]
    Database(#[from] DatabaseError),
}

/// Why a database is not good enough for a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeDatabase {
    /// It is older than all releases that this adapter was written for.
    #[error("the database is older than PostgreSQL 15")]
    TooOld,
    /// It is another engine with the protocol of PostgreSQL.
    #[error("the database is CockroachDB or YugabyteDB, whose transactions this release was never tested with")]
    OtherEngine,
    /// It takes no writes.
    #[error("the database takes no writes: it is a standby, or was set to read only")]
    ReadOnly,
    /// Its texts are not in UTF-8.
    #[error("the encoding of the database is not UTF8")]
    Encoding,
    /// It acknowledges what is not on the disk.
    #[error(
        "the database runs with fsync = off or full_page_writes = off, and would lose acknowledged writes in a crash"
    )]
    NoSync,
    /// Its sessions are shared.
    #[error(
        "a pooler gives the sessions of the database to one transaction after the other, but a server keeps settings and \
         prepared statements in its sessions: connect to the database directly, or let the pooler give out whole sessions"
    )]
    SharedSessions,
    /// It was replaced.
    #[error("the database holds another registry than before")]
    OtherRegistry,
    /// It acknowledges what no standby has.
    #[error(
        "database.durability is replicated, and the database has no synchronous standby (synchronous_standby_names)"
    )]
    NotReplicated,
}

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database or the connection reports an error.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// The database does not answer.
    #[error("the database has not answered in time")]
    Timeout,
    /// The database could lose what it acknowledges.
    #[error("{0}")]
    Unsafe(#[from] UnsafeDatabase),
    /// What is stored breaks a rule of the registry.
    #[error("{0}")]
    Corrupt(&'static str),
}

/// The message of the database itself, if there is one: the error of the driver says only that there is one.
fn describe(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(error), _) => format!("{} ({})", error.message(), error.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

impl DatabaseError {
    fn code(&self) -> Option<&SqlState> {
        match self {
            DatabaseError::Postgres(error) => error.code(),
            _ => None,
        }
    }

    /// Whether the database has undone the transaction because of another one that ran at the same time: it can be run
    /// again.
    pub(crate) fn is_of_concurrency(&self) -> bool {
        let codes =
            [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
        self.code().is_some_and(|code| codes.contains(code))
    }

    /// Whether the connection was lost, the database is about to end it, or it has to be replaced. Nothing of an open
    /// transaction is kept.
    pub(crate) fn is_of_connection(&self) -> bool {
        let DatabaseError::Postgres(error) = self else { return false };
        // 25P03: the transaction stood still for too long.
        error.is_closed() || self.spoils_connection() || self.is_one_of(&["08", "25P03", "57P"])
    }

    /// Whether the connection is of no use any more, although it may be open.
    pub(crate) fn spoils_connection(&self) -> bool {
        // 0A000, 26000: a prepared statement returns something else than before, or is unknown. 25006: the database has
        // become one that takes no writes.
        matches!(self, DatabaseError::Timeout) || self.is_one_of(&["0A000", "25006", "26000"])
    }

    /// Whether the values of a statement may be the reason.
    pub(crate) fn is_of_values(&self) -> bool {
        self.is_one_of(&["22", "23", "54"])
    }

    /// Whether the code of the error begins in one of these ways.
    fn is_one_of(&self, beginnings: &[&str]) -> bool {
        self.code().is_some_and(|code| beginnings.iter().any(|beginning| code.code().starts_with(beginning)))
    }

    /// Whether a row breaks a unique key.
    pub(crate) fn is_of_uniqueness(&self) -> bool {
        self.code() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// Whether the database has answered a commit with an error that says that it was undone.
    pub(crate) fn has_undone(&self) -> bool {
        self.is_of_concurrency() || self.is_one_of(&["23"])
    }
}

/// The error of an operation that has written nothing: its transaction was not committed.
impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> StoreError {
        let damaged = [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED];
        match error {
            error if error.is_of_concurrency() => StoreError::Busy,
            error @ DatabaseError::Corrupt(_) => StoreError::corrupt(error),
            error if error.code().is_some_and(|code| damaged.contains(code)) => StoreError::corrupt(error),
            error => StoreError::unavailable(error),
        }
    }
}
