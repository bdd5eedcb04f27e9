//! Preparing a database, and checking that one was prepared.
//!
//! A release and a database each name a range of schemas, and fit if both allow each other: the release knows the oldest
//! schema that it can serve, and the database the oldest release that can serve its schema. So a migration that old servers
//! can live with is made while they run, and the others only when none is left.

use crate::{
    background::Background,
    error::{DatabaseError, OpenError},
    port::directory::seal,
    session::{Database, Session},
    transaction::SEAL_EMPTY,
};
use carnelian_store::{AuditHead, PartitionId, RegistryId, RegistryKeys};

/// The migrations, in the order in which they run.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001_registry.sql")];

/// Whether there is a registry.
const IS_PREPARED: &str = "
    SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'schema')";

const VERSION: &str = "SELECT version, oldest FROM schema";

const SET_VERSION: &str = "INSERT INTO schema (one, version, oldest) VALUES (1, $1, $2)";

/// The newest schema that this release knows.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// The oldest schema that this release can serve.
const NEEDED: i64 = 1;

/// The oldest release that can serve the newest schema, named by the newest schema that it knows.
const OLDEST_RELEASE: i64 = 1;

const ADD_PARTITION: &str = "INSERT INTO partition (partition, empty_seal) VALUES ($1, $2)";

const ADD_IDS: &str = "INSERT INTO id_block (partition, next) VALUES ($1, 1)";

const IS_RESTORING: &str = "SELECT restoring FROM registry";

/// Whether a database was prepared, by whatever release.
pub async fn is_prepared(database: &Database) -> Result<bool, OpenError> {
    let background = Background::start()?;
    let session = background.connector(database)?.connect().await?;
    Ok(has_registry(&session).await?)
}

/// Prepares a database for this release, unless it is.
pub async fn migrate(database: &Database, keys: &dyn RegistryKeys) -> Result<(), OpenError> {
    let background = Background::start()?;
    let connector = background.connector(database)?;
    connector.check_sessions().await?;
    let session = connector.connect().await?;
    if has_registry(&session).await? {
        return check_version(&session).await;
    }
    session.command("BEGIN").await?;
    match create(&session, keys).await {
        Ok(()) => Ok(session.command("COMMIT").await?),
        Err(error) => {
            session.command("ROLLBACK").await?;
            // Another process may have been quicker; its commit is what this one has waited for.
            if has_registry(&session).await? { check_version(&session).await } else { Err(error.into()) }
        }
    }
}

/// Creates all tables, in an open transaction.
async fn create(session: &Session, keys: &dyn RegistryKeys) -> Result<(), DatabaseError> {
    for migration in MIGRATIONS {
        session.command(migration).await?;
    }
    let partition = PartitionId::FIRST;
    let id = session.registry_id().await?;
    let (number, chain) = (i64::from(partition.0), keys.audit_chain(id));
    session.run(ADD_PARTITION, &[&number, &None::<&[u8]>]).await?;
    let directory = seal(session, &*chain, &*keys.directory_key(id)).await?;
    let seal = AuditHead::empty(partition).end(&*chain, &directory.newest).seal;
    session.run(SEAL_EMPTY, &[&number, &&seal[..]]).await?;
    session.run(ADD_IDS, &[&number]).await?;
    session.run(SET_VERSION, &[&KNOWN, &OLDEST_RELEASE]).await?;
    Ok(())
}

/// Checks that a database holds a registry that this release can serve; returns its id.
pub(crate) async fn check(session: &Session) -> Result<RegistryId, OpenError> {
    if !has_registry(session).await? {
        return Err(OpenError::NotPrepared);
    }
    check_version(session).await?;
    let restoring = session.one(IS_RESTORING, &[]).await?.get(0);
    if restoring { Err(OpenError::RestoreUnfinished) } else { Ok(session.registry_id().await?) }
}

async fn has_registry(session: &Session) -> Result<bool, DatabaseError> {
    Ok(session.one(IS_PREPARED, &[]).await?.get(0))
}

/// Checks that this release can serve the schema of a database.
pub(crate) async fn check_version(session: &Session) -> Result<(), OpenError> {
    let row = session.one(VERSION, &[]).await?;
    let (found, oldest) = (row.get(0), row.get(1));
    if found < NEEDED {
        Err(OpenError::TooOld { found, needed: NEEDED })
    } else if oldest > KNOWN {
        Err(OpenError::TooNew { found, oldest, known: KNOWN })
    } else {
        Ok(())
    }
}
