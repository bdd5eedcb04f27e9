//! Databases of a PostgreSQL server, by its own programs.

use std::{
    io,
    path::Path,
    process::{self, Command},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// How many customers a group of [`SCRIPT`] has.
pub const GROUP: usize = 256;

/// What a server sends for a group of new customers, with rows as large as those of the load.
const SCRIPT: &str = include_str!("group.sql");

/// Where Debian puts the programs of PostgreSQL, beside `PATH`.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// A database, until it is dropped.
pub struct Database {
    /// The URL of the database that it was made from.
    server: String,
    name: String,
    /// Its URL.
    pub url: String,
}

impl Database {
    /// Creates an empty database on the server of another one.
    pub fn create(server: &str) -> io::Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("bench_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let url =
            with_database(server, &name).ok_or_else(|| io::Error::other("--database is not a postgres:// URL"))?;
        sql(server, &format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"))?;
        Ok(Self { server: server.to_owned(), name, url })
    }

    /// How many customers there are.
    pub fn customers(&self) -> io::Result<u64> {
        sql(&self.url, "SELECT count(*) FROM customer")?.trim().parse().map_err(io::Error::other)
    }

    /// How many groups of customers two connections store in a second.
    pub fn groups_per_second(&self, work: &Path, length: Duration) -> io::Result<f64> {
        let script = work.join("group.sql");
        std::fs::write(&script, SCRIPT)?;
        let mut pgbench = program("pgbench");
        // The numbers begin where no id of the registry is.
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--client=2", "--define=n=1000"]);
        pgbench.arg(format!("--time={}", length.as_secs().max(1))).arg("--file").arg(script).arg(&self.url);
        let printed = output(pgbench)?;
        let rate = printed.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.ok_or_else(|| io::Error::other(format!("pgbench prints no rate: {printed}")))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // What remains is seen by its name.
        let _ = sql(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// A URL with another database.
fn with_database(url: &str, name: &str) -> Option<String> {
    let scheme = url.find("://")? + 3;
    let (address, parameters) = url.split_at(url.find('?').unwrap_or(url.len()));
    let server = address[scheme..].find('/').map_or(address, |slash| &address[..scheme + slash]);
    Some(format!("{server}/{name}{parameters}"))
}

fn sql(url: &str, statement: &str) -> io::Result<String> {
    let mut psql = program("psql");
    psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--dbname", url, "--command", statement]);
    output(psql)
}

fn program(name: &str) -> Command {
    let packaged = Path::new(PROGRAMS).join(name);
    Command::new(if packaged.exists() { packaged } else { name.into() })
}

fn output(mut command: Command) -> io::Result<String> {
    let output = command.output().map_err(|error| io::Error::other(format!("{command:?}: {error}")))?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_all_but_its_database() {
        for (url, expected) in [
            ("postgres:///postgres?host=/run/x&user=y", "postgres:///b?host=/run/x&user=y"),
            ("postgres://ann@db.example:5432/registry", "postgres://ann@db.example:5432/b"),
            ("postgres://db.example", "postgres://db.example/b"),
        ] {
            assert_eq!(with_database(url, "b").as_deref(), Some(expected));
        }
        assert_eq!(with_database("registry", "b"), None);
    }
}
