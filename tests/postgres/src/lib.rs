//! A PostgreSQL server for tests: one for each process that runs tests, or the one of `CARNELIAN_TEST_POSTGRES`, which
//! holds the directory of its socket, as `scripts/test-postgres` prints it.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A running server.
struct Server {
    /// The directory of its socket.
    directory: String,
    /// The server stops when this is closed, at the latest when the process ends.
    _stdin: Option<ChildStdin>,
    _script: Option<Child>,
}

impl Server {
    fn start() -> Server {
        if let Ok(directory) = env::var("CARNELIAN_TEST_POSTGRES") {
            return Server { directory, _stdin: None, _script: None };
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/test-postgres");
        let mut script = Command::new(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{script}: {error}"));
        let mut directory = String::new();
        let stdout = script.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut directory).expect("scripts/test-postgres prints a directory");
        let directory = directory.trim_end().to_owned();
        assert!(!directory.is_empty(), "PostgreSQL does not start: is postgresql-15 installed?");
        Server { directory, _stdin: script.stdin.take(), _script: Some(script) }
    }
}

/// The URL of a new, empty database.
pub fn new_database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let directory = &SERVER.get_or_init(Server::start).directory;
    let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    run(directory, "postgres", &format!("CREATE DATABASE {name}"));
    format!("postgres:///{name}?host={directory}&user=postgres")
}

/// Runs statements in the database of a URL that [`new_database`] returned; returns what they print.
pub fn run_sql(url: &str, sql: &str) -> String {
    let (name, parameters) = url.trim_start_matches("postgres:///").split_once('?').expect("a URL of this module");
    let directory = parameters.trim_start_matches("host=").split('&').next().expect("a host");
    run(directory, name, sql)
}

fn run(directory: &str, database: &str, sql: &str) -> String {
    let psql = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--username=postgres"])
        .args(["--host", directory, "--dbname", database, "--command", sql])
        .output()
        .expect("psql runs");
    assert!(psql.status.success(), "{sql}: {}", String::from_utf8_lossy(&psql.stderr));
    String::from_utf8_lossy(&psql.stdout).trim_end().to_owned()
}
