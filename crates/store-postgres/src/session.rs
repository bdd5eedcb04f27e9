//! Connections to the database, with what is set and checked on each of them.

use crate::error::{DatabaseError, OpenError, UnsafeDatabase};
use carnelian_store::RegistryId;
use futures_util::future::{try_join, try_join_all};
use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};
use std::{
    collections::HashMap,
    future::poll_fn,
    net::IpAddr,
    path::{Path, PathBuf},
    pin::pin,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, task::AbortHandle, time::timeout};
use tokio_postgres::{
    AsyncMessage, Client, Config, Row, SimpleQueryMessage, Socket, Statement,
    config::{Host, SslMode, TargetSessionAttrs},
    error::Severity,
    types::ToSql,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a statement may take. The database gives up waiting for locks sooner.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// What each session sets. A session's setting overrides those of the role and of the database.
///
/// There is no `statement_timeout`: one that expires while a commit waits for a standby ends the wait, and the commit
/// is acknowledged all the same. A server that stands still within a transaction holds up all others that write, until the
/// database ends its session: they wait 2 s at most.
const SETTINGS: &str = "
    SET synchronous_commit = on;
    SET default_transaction_isolation = 'read committed';
    SET lock_timeout = '4s';
    SET idle_in_transaction_session_timeout = '2s';
    SET statement_timeout = 0";

/// What the session of a transaction sets, so that a statement writes nothing if the begin before it has failed.
const WRITE_IN_TRANSACTIONS: &str = "SET default_transaction_read_only = on";

/// What a session reads of the database's settings.
const CHECKS: &str = "
    SELECT current_setting('server_version_num')::BIGINT, current_setting('fsync'), current_setting('full_page_writes'),
        current_setting('transaction_read_only'), current_setting('server_encoding'),
        current_setting('synchronous_standby_names'), version()";

const REGISTRY_ID: &str = "SELECT id FROM registry";

/// How other engines call themselves in their version.
const OTHER_ENGINES: [&str; 2] = ["CockroachDB", "-YB-"];

/// The oldest release of PostgreSQL that is supported, as it numbers itself.
const OLDEST: i64 = 150_000;

/// What a commit must have reached before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The disk of the database.
    Local,
    /// The disk of a synchronous standby as well.
    Replicated,
}

/// A database, and what is expected of it.
#[derive(Clone)]
pub struct Database {
    /// Its URL, which may contain a password.
    pub url: String,
    /// The password, if it is not in the URL.
    pub password: Option<String>,
    /// Certificates of authorities, in PEM, that the database's certificate is checked against; by default the system's.
    pub ca_file: Option<PathBuf>,
    /// What a commit must have reached before it is acknowledged.
    pub durability: Durability,
}

/// Values of a statement's parameters.
pub(crate) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    durability: Durability,
    /// Where connections are served.
    runtime: Handle,
}

impl Connector {
    pub(crate) fn new(database: &Database, runtime: Handle) -> Result<Connector, OpenError> {
        let config = configure(&database.url, database.password.as_deref())?;
        let roots = roots(&config, database.ca_file.as_deref())?;
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Connector { config, tls: MakeRustlsConnect::new(tls), durability: database.durability, runtime })
    }

    /// Makes a connection that is served on the runtime of the store, and checks the database.
    pub(crate) async fn connect(&self) -> Result<Session, DatabaseError> {
        let connector = self.clone();
        self.runtime.spawn(async move { connector.connect_here().await }).await.unwrap_or(Err(DatabaseError::Timeout))
    }

    /// Makes a connection that is served on the runtime of the caller, and checks the database.
    pub(crate) async fn connect_here(&self) -> Result<Session, DatabaseError> {
        timeout(CONNECT_TIMEOUT, self.make()).await.unwrap_or(Err(DatabaseError::Timeout))
    }

    /// Checks that each session has a process of the database to itself, which it keeps.
    pub(crate) async fn check_sessions(&self) -> Result<(), DatabaseError> {
        let connector = self.clone();
        let check = async move {
            let (one, other) = (connector.open().await?, connector.open().await?);
            let before = one.process().await?;
            // A pooler gives the process of the first session to the second one, which keeps it within a transaction.
            other.command("BEGIN").await?;
            let (held, after) = (other.process().await?, one.process().await?);
            let are_kept = before == after && held != before;
            if are_kept { Ok(()) } else { Err(UnsafeDatabase::SharedSessions.into()) }
        };
        let check = self.runtime.spawn(timeout(CONNECT_TIMEOUT, check));
        check.await.ok().and_then(Result::ok).unwrap_or(Err(DatabaseError::Timeout))
    }

    async fn make(&self) -> Result<Session, DatabaseError> {
        let session = self.open().await?;
        session.command(SETTINGS).await?;
        session.check().await?;
        Ok(session)
    }

    /// Opens a connection, with the settings of the database.
    async fn open(&self) -> Result<Session, DatabaseError> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        let warned = Arc::new(AtomicBool::new(false));
        let driver = tokio::spawn(serve(connection, warned.clone())).abort_handle();
        Ok(Session { client, driver, statements: Mutex::default(), warned, durability: self.durability })
    }
}

/// Reads a URL, and requires TLS unless the connection does not leave the machine.
fn configure(url: &str, password: Option<&str>) -> Result<Config, OpenError> {
    // Certificates are always checked in full, so these modes are the same.
    let url = ["verify-full", "verify-ca"]
        .iter()
        .fold(url.to_owned(), |url, mode| url.replace(&format!("sslmode={mode}"), "sslmode=require"));
    let mut config = Config::from_str(&url).map_err(|error| OpenError::Url(error.to_string()))?;
    if let (None, Some(password)) = (config.get_password(), password) {
        config.password(password);
    }
    if config.get_hosts().is_empty() {
        return Err(OpenError::Url("it names no host".into()));
    }
    if !config.get_hosts().iter().all(is_local) {
        config.ssl_mode(SslMode::Require);
    } else if config.get_ssl_mode() == SslMode::Prefer {
        config.ssl_mode(SslMode::Disable);
    }
    config
        .application_name("carnelian")
        .connect_timeout(CONNECT_TIMEOUT)
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .keepalives_idle(Duration::from_secs(5))
        .keepalives_interval(Duration::from_secs(2))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(5));
    Ok(config)
}

/// Whether a host is this machine.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        Host::Unix(_) => true,
    }
}

/// The certificates of authorities that the server's certificate is checked against.
fn roots(config: &Config, ca_file: Option<&Path>) -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    if config.get_ssl_mode() == SslMode::Disable {
        return Ok(roots);
    }
    let Some(file) = ca_file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let unusable = |error: &dyn std::fmt::Display| OpenError::Certificates(format!("{}: {error}", file.display()));
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))? {
        roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
    }
    Ok(roots)
}

/// Serves a connection until it ends, and notes every warning that arrives on it.
async fn serve<T>(connection: tokio_postgres::Connection<Socket, T>, warned: Arc<AtomicBool>)
where
    T: tokio_postgres::tls::TlsStream + Unpin,
{
    let mut connection = pin!(connection);
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => {
                let harmless = [Severity::Debug, Severity::Info, Severity::Log, Severity::Notice];
                if !notice.parsed_severity().is_some_and(|severity| harmless.contains(&severity)) {
                    tracing::warn!(code = notice.code().code(), "the database warns: {}", notice.message());
                    warned.store(true, Ordering::Release);
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "a connection to the database has ended");
                return;
            }
        }
    }
}

/// What a statement returned.
pub(crate) struct Done {
    /// The rows.
    pub(crate) rows: Vec<Row>,
    /// How many rows it has read or written.
    pub(crate) count: u64,
}

impl Done {
    /// Fails unless it has written as many rows as it should.
    pub(crate) fn must_count(&self, rows: usize) -> Result<(), DatabaseError> {
        if self.count == rows as u64 {
            Ok(())
        } else {
            Err(DatabaseError::Corrupt("a statement has not written the rows that it should"))
        }
    }
}

/// A connection.
pub(crate) struct Session {
    client: Client,
    /// The task that serves the connection, which ends with it.
    driver: AbortHandle,
    /// The statements that were prepared on it.
    statements: Mutex<HashMap<&'static str, Statement>>,
    /// Whether the database has warned since the last transaction began.
    warned: Arc<AtomicBool>,
    durability: Durability,
}

impl Session {
    /// Checks that the database can be trusted, as far as its settings say.
    pub(crate) async fn check(&self) -> Result<(), DatabaseError> {
        let row = self.one(CHECKS, &[]).await?;
        let text = |column| row.get::<_, &str>(column);
        let found = [
            (OTHER_ENGINES.iter().any(|engine| text(6).contains(engine)), UnsafeDatabase::OtherEngine),
            (row.get::<_, i64>(0) < OLDEST, UnsafeDatabase::TooOld),
            (text(1) != "on" || text(2) != "on", UnsafeDatabase::NoSync),
            (text(3) != "off", UnsafeDatabase::ReadOnly),
            (text(4) != "UTF8", UnsafeDatabase::Encoding),
            (self.durability == Durability::Replicated && text(5).is_empty(), UnsafeDatabase::NotReplicated),
        ];
        match found.into_iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, error)) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// The process of the database that serves the connection. Nothing is prepared for it.
    async fn process(&self) -> Result<String, DatabaseError> {
        let messages = self.client.simple_query("SELECT pg_backend_pid()").await?;
        let process = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        process.ok_or(DatabaseError::Corrupt("a row that is always there is missing"))
    }

    /// Refuses all writes that are not in a transaction which begins as [`READ WRITE`](crate::transaction).
    pub(crate) async fn write_in_transactions(&self) -> Result<(), DatabaseError> {
        self.command(WRITE_IN_TRANSACTIONS).await
    }

    /// The id of the registry.
    pub(crate) async fn registry_id(&self) -> Result<RegistryId, DatabaseError> {
        let id = self.one(REGISTRY_ID, &[]).await?.get::<_, &[u8]>(0).try_into();
        id.map(RegistryId).map_err(|_| DatabaseError::Corrupt("the id of the registry is damaged"))
    }

    /// Whether the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Forgets the warnings so far.
    pub(crate) fn forget_warnings(&self) {
        self.warned.store(false, Ordering::Release);
    }

    /// Whether the database has warned since.
    pub(crate) fn has_warned(&self) -> bool {
        self.warned.load(Ordering::Acquire)
    }

    /// Runs a statement and reads its result to the end.
    pub(crate) async fn run(&self, sql: &'static str, values: Values<'_>) -> Result<Done, DatabaseError> {
        let statement = self.prepared(sql).await?;
        self.in_time(self.execute(&statement, values)).await
    }

    /// Runs several statements one after the other, without waiting for the results in between.
    pub(crate) async fn run_all(&self, statements: &[(&'static str, Values<'_>)]) -> Result<Vec<Done>, DatabaseError> {
        let prepared = self.prepare_all(statements).await?;
        self.in_time(self.execute_all(&prepared)).await
    }

    /// Runs a command without results and several statements after it, without waiting for the results in between.
    pub(crate) async fn run_all_after(
        &self,
        command: &str,
        statements: &[(&'static str, Values<'_>)],
    ) -> Result<Vec<Done>, DatabaseError> {
        let prepared = self.prepare_all(statements).await?;
        let command = async { Ok(self.client.batch_execute(command).await?) };
        self.in_time(async { Ok(try_join(command, self.execute_all(&prepared)).await?.1) }).await
    }

    /// Prepares statements before any of them runs: they are sent in their order only if none of them has to wait.
    async fn prepare_all<'a>(
        &self,
        statements: &[(&'static str, Values<'a>)],
    ) -> Result<Vec<(Statement, Values<'a>)>, DatabaseError> {
        let mut prepared = Vec::with_capacity(statements.len());
        for (sql, values) in statements {
            prepared.push((self.prepared(sql).await?, *values));
        }
        Ok(prepared)
    }

    async fn execute_all(&self, prepared: &[(Statement, Values<'_>)]) -> Result<Vec<Done>, DatabaseError> {
        try_join_all(prepared.iter().map(|(statement, values)| self.execute(statement, values))).await
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn rows(&self, sql: &'static str, values: Values<'_>) -> Result<Vec<Row>, DatabaseError> {
        Ok(self.run(sql, values).await?.rows)
    }

    /// Runs a statement and returns its first row, if there is one.
    pub(crate) async fn first(&self, sql: &'static str, values: Values<'_>) -> Result<Option<Row>, DatabaseError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a statement that returns a row.
    pub(crate) async fn one(&self, sql: &'static str, values: Values<'_>) -> Result<Row, DatabaseError> {
        self.first(sql, values).await?.ok_or(DatabaseError::Corrupt("a row that is always there is missing"))
    }

    /// Runs a statement without parameters and results, which is not prepared.
    pub(crate) async fn command(&self, sql: &str) -> Result<(), DatabaseError> {
        self.in_time(async { Ok(self.client.batch_execute(sql).await?) }).await
    }

    async fn execute(&self, statement: &Statement, values: Values<'_>) -> Result<Done, DatabaseError> {
        let stream = self.client.query_raw(statement, values.iter().copied()).await?;
        let mut stream = pin!(stream);
        let mut rows = Vec::new();
        while let Some(row) = futures_util::StreamExt::next(&mut stream).await {
            rows.push(row?);
        }
        let count = stream.rows_affected().unwrap_or_default();
        Ok(Done { rows, count })
    }

    async fn prepared(&self, sql: &'static str) -> Result<Statement, DatabaseError> {
        let known = self.statements.lock().get(sql).cloned();
        match known {
            Some(statement) => Ok(statement),
            None => {
                let statement = self.in_time(async { Ok(self.client.prepare(sql).await?) }).await?;
                self.statements.lock().insert(sql, statement.clone());
                Ok(statement)
            }
        }
    }

    /// Waits for an answer. A connection on which none came in time, or which cannot run the statement any more, is cut, so
    /// that it is replaced.
    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
        let answer = timeout(STATEMENT_TIMEOUT, answer).await.unwrap_or(Err(DatabaseError::Timeout));
        if answer.as_ref().is_err_and(DatabaseError::spoils_connection) {
            self.driver.abort();
        }
        answer
    }
}
