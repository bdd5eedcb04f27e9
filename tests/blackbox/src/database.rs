//! The database of a registry, read, altered and locked from outside: the same statements on both engines.

use std::path::PathBuf;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection, types::Value};

use crate::{TestDir, wait};

/// A transaction that keeps the server from writing until it is dropped. Reads continue.
pub struct WriteBlock {
    _transaction: Transaction,
}

/// Dropped, it is rolled back.
#[expect(dead_code, reason = "a transaction is held, and not used")]
enum Transaction {
    Sqlite(Connection),
    Postgres(test_postgres::OpenTransaction),
}

impl TestDir {
    /// Runs statements in the registry's database; returns the rows, a line each, with `|` between the columns.
    #[track_caller]
    pub fn sql(&self, statements: &str) -> String {
        self.try_sql(statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    /// Runs statements in the registry's database, as [`TestDir::sql`] does, which may fail.
    pub fn try_sql(&self, statements: &str) -> Result<String, String> {
        match self.find_database() {
            Some(url) => test_postgres::try_sql(&url, statements),
            None => rows(&self.sqlite(), statements).map_err(|error| error.to_string()),
        }
    }

    /// The literal of bytes that are given in hexadecimal digits.
    pub fn bytes(&self, digits: &str) -> String {
        match self.find_database() {
            Some(_) => format!("'\\x{digits}'"),
            None => format!("x'{digits}'"),
        }
    }

    /// All that is stored of the registry, by where it is: the files of the data directory and the rows of the database.
    pub fn stored(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let rows = self.find_database().map(|url| ("database".into(), test_postgres::dump(&url)));
        self.data_files().into_iter().chain(rows).collect()
    }

    /// The settings that say where the registry is.
    pub fn location_settings(&self) -> &'static [&'static str] {
        if self.is_embedded() { &["data"] } else { &["data", "database.url"] }
    }

    /// Keeps the server from writing until the result is dropped.
    pub fn block_writes(&self) -> WriteBlock {
        let transaction = match self.find_database() {
            Some(url) => {
                let lock = "LOCK TABLE partition, customer IN EXCLUSIVE MODE";
                Transaction::Postgres(test_postgres::OpenTransaction::begin(&url, lock))
            }
            None => {
                let connection = self.sqlite();
                connection.execute_batch("BEGIN IMMEDIATE").expect("the database can be locked");
                Transaction::Sqlite(connection)
            }
        };
        WriteBlock { _transaction: transaction }
    }

    fn sqlite(&self) -> Connection {
        let connection = Connection::open(self.data().join("carnelian.db")).expect("there is a database");
        connection.busy_timeout(wait::PROCESS).expect("a timeout can be set");
        connection.execute_batch("PRAGMA foreign_keys = OFF").expect("can be set");
        connection
    }
}

fn rows(connection: &Connection, statements: &str) -> rusqlite::Result<String> {
    let mut lines = Vec::new();
    // As psql does with several statements: all of them or none.
    let transaction = connection.unchecked_transaction()?;
    let mut batch = Batch::new(&transaction, statements);
    while let Some(mut statement) = batch.next()? {
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let cells = (0..columns).map(|column| Ok(text(row.get(column)?))).collect::<rusqlite::Result<Vec<_>>>()?;
            lines.push(cells.join("|"));
        }
    }
    transaction.commit()?;
    Ok(lines.join("\n"))
}

/// A value as psql prints it.
fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => format!("\\x{}", data_encoding::HEXLOWER.encode(&bytes)),
    }
}
