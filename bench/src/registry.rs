//! A registry in a fresh directory, made through the command line as an operator would.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use data_encoding::BASE64;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

/// A registry with one account, one user and one key.
pub struct Registry {
    binary: PathBuf,
    directory: TempDir,
    /// The database that it is in; `None` for the data directory.
    database: Option<String>,
    /// The `Authorization` header of its user.
    pub authorization: String,
}

impl Registry {
    /// Makes one inside a directory.
    pub fn make(binary: &Path, inside: &Path) -> io::Result<Self> {
        Self::make_anywhere(binary, inside, None)
    }

    /// Makes one in an empty database, with its files inside a directory.
    pub fn make_in(binary: &Path, inside: &Path, database: &str) -> io::Result<Self> {
        Self::make_anywhere(binary, inside, Some(database.to_owned()))
    }

    fn make_anywhere(binary: &Path, inside: &Path, database: Option<String>) -> io::Result<Self> {
        let directory = TempDir::with_prefix_in("carnelian-bench-", inside)?;
        let mut registry = Self { binary: binary.to_owned(), directory, database, authorization: String::new() };
        if registry.database.is_some() {
            registry.run(&["migrate"])?;
        }
        registry.run(&["account", "create", "Acme"])?;
        registry.authorization = registry.add_user("ann", &[])?;
        Ok(registry)
    }

    /// Makes an operator, and gives the `Authorization` header for it.
    pub fn add_operator(&self) -> io::Result<String> {
        self.add_user("op", &["--role", "OPERATOR"])
    }

    fn add_user(&self, name: &str, more: &[&str]) -> io::Result<String> {
        self.run(&[&["user", "create", name, "--account", "Acme"], more].concat())?;
        let key = self.run(&["key", "issue", name])?;
        Ok(format!("Basic {}", BASE64.encode(format!("{name}:{}", key.trim()).as_bytes())))
    }

    /// The command that serves it.
    pub fn serve(&self) -> Command {
        let mut command = self.command(&["serve"]);
        command.args(["--listen", "127.0.0.1:0"]);
        command
    }

    /// Where its server logs.
    pub fn log(&self) -> PathBuf {
        self.directory.path().join("server.log")
    }

    /// Number of stored customers, read from the database.
    pub fn stored(&self) -> io::Result<u64> {
        let database = self.data().join("carnelian.db");
        let count = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&database, flags)?;
            connection.query_row("SELECT count(*) FROM customer", [], |row| row.get::<_, i64>(0))
        };
        count().map(i64::cast_unsigned).map_err(io::Error::other)
    }

    /// How many bytes the registry takes on disk.
    pub fn size(&self) -> io::Result<u64> {
        fs::read_dir(self.data())?.map(|entry| Ok(entry?.metadata()?.len())).sum()
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Runs a command on it and returns its output.
    pub fn run(&self, arguments: &[&str]) -> io::Result<String> {
        let output = self.command(arguments).stderr(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(io::Error::other(format!("carnelian {} failed", arguments.join(" "))));
        }
        String::from_utf8(output.stdout).map_err(io::Error::other)
    }

    /// A command of it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        // Settings in the caller's environment must not reach the measured server.
        command.env_clear().args(arguments).arg("--data").arg(self.data());
        if let Some(database) = &self.database {
            command.arg("--database").arg(database).envs(env::var_os("PGPASSWORD").map(|word| ("PGPASSWORD", word)));
        }
        command
    }
}
