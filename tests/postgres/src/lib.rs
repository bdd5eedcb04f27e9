//! A PostgreSQL server for tests: one for each process that runs tests, or the one of `CARNELIAN_TEST_POSTGRES`, which
//! holds the directory of its socket, as `scripts/test-postgres` prints it; a [`proxy`] that makes faults; and a
//! [`pooler`].

pub mod pooler;
pub mod proxy;

use std::{
    collections::hash_map::RandomState,
    env,
    hash::BuildHasher,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::OnceLock,
    thread,
};

/// Where Debian keeps the programs of PostgreSQL 15; its `psql` in PATH is a slow wrapper.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// A server.
pub struct Server {
    /// The directory of its socket.
    directory: String,
    /// The server stops when this is closed, at the latest when the process ends.
    stdin: Option<ChildStdin>,
    script: Option<Child>,
}

impl Server {
    /// Starts a server that nothing else uses; it stops when it is dropped.
    pub fn start() -> Server {
        Server::start_with(&[])
    }

    /// Starts one with its files in a directory.
    pub fn start_in(directory: &Path) -> Server {
        Server::start_with(&[directory.to_str().expect("the paths of tests are plain")])
    }

    fn start_with(arguments: &[&str]) -> Server {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/test-postgres");
        let mut script = Command::new(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{script}: {error}"));
        let mut directory = String::new();
        let stdout = script.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut directory).expect("scripts/test-postgres prints a directory");
        let directory = directory.trim_end().to_owned();
        assert!(!directory.is_empty(), "PostgreSQL does not start: is postgresql-15 installed?");
        Server { directory, stdin: script.stdin.take(), script: Some(script) }
    }

    /// The server that the tests of this process share.
    fn shared() -> &'static Server {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| match env::var("CARNELIAN_TEST_POSTGRES") {
            Ok(directory) => Server { directory, stdin: None, script: None },
            Err(_) => Server::start(),
        })
    }

    /// Kills all processes of the server with SIGKILL, and waits until they have ended.
    pub fn kill(&self) {
        let script = "
            postmaster=$(head -n 1 data/postmaster.pid)
            kill -STOP $postmaster
            all=\"$postmaster $(cat /proc/$postmaster/task/$postmaster/children)\"
            kill -KILL $all
            for process in $all; do
                while grep -q '^State:.[^Z]' /proc/$process/status 2>/dev/null; do :; done
            done";
        assert!(self.succeeds(script, &[]), "a running server can be killed");
    }

    /// Starts a server again that has ended or was killed.
    pub fn restart(&self) {
        // They hold the number of the process that was killed, which another process may have by then.
        assert!(self.succeeds("rm -f data/postmaster.pid .s.PGSQL.5432.lock", &[]), "files can be removed");
        assert!(self.control(&["start", "--log=log"]), "the server starts again");
    }

    /// Restarts the server as an administrator does: open transactions are rolled back.
    pub fn restart_in_order(&self) {
        assert!(self.control(&["restart", "--mode=fast", "--log=log"]), "the server restarts");
    }

    /// Whether the server has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.succeeds("[ ! -e data/postmaster.pid ]", &[])
    }

    /// Whether the server accepts connections.
    pub fn is_up(&self) -> bool {
        try_sql(&self.url("postgres"), "SELECT 1").is_ok()
    }

    /// Runs pg_ctl; whether it succeeds.
    fn control(&self, arguments: &[&str]) -> bool {
        let script = "exec pg_ctl --silent --wait --pgdata=\"$PWD/data\" \"$@\"";
        self.succeeds(script, arguments)
    }

    /// Runs a script as the user of the server in its directory; whether it succeeds.
    fn succeeds(&self, script: &str, arguments: &[&str]) -> bool {
        let status = shell_as_postgres(&self.directory, script).args(arguments).stderr(Stdio::null()).status();
        status.expect("a shell runs").success()
    }

    /// The URL of a new, empty database.
    pub fn new_database(&self) -> String {
        // Another process may have had the id of this one while the server ran.
        let name = format!("test_{:016x}", RandomState::new().hash_one("name"));
        run_sql(&self.url("postgres"), &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of a database that is a copy of another one, to which nothing may be connected.
    pub fn copy(&self, url: &str) -> String {
        let name = format!("{}_copy", name_of(url));
        run_sql(&self.url("postgres"), &format!("CREATE DATABASE {name} TEMPLATE {}", name_of(url)));
        self.url(&name)
    }

    fn url(&self, name: &str) -> String {
        format!("postgres:///{name}?host={}&user=postgres", self.directory)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if let Some(script) = &mut self.script {
            let _ = script.wait();
        }
    }
}

/// A shell that runs a script as the user of a server, in its directory. Arguments of the command are those of the script.
fn shell_as_postgres(directory: &str, script: &str) -> Command {
    let as_postgres = "
        PATH=\"/usr/lib/postgresql/15/bin:/usr/sbin:$PATH\"
        cd \"$1\" && shift
        if [ \"$(id -u)\" = 0 ]; then
            exec setpriv --reuid=postgres --regid=postgres --clear-groups /bin/sh -c \"$@\"
        fi
        exec /bin/sh -c \"$@\"";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", as_postgres, "sh", directory, script, "sh"]);
    command
}

/// The name of the database of a URL of this module.
fn name_of(url: &str) -> &str {
    let name = url.strip_prefix("postgres:///").and_then(|rest| rest.split_once('?'));
    name.expect("a URL of this module").0
}

/// The directory of the socket of a URL of this module.
fn directory_of(url: &str) -> &str {
    let rest = url.split_once("?host=").expect("a URL of this module").1;
    rest.split_once('&').expect("a URL of this module").0
}

/// The URL of a new, empty database on a server that other tests use, too.
pub fn new_database() -> String {
    Server::shared().new_database()
}

/// Removes the database of a URL of this module, and ends the sessions in it.
pub fn drop_database(url: &str) {
    run_sql(&Server::shared().url("postgres"), &format!("DROP DATABASE {} WITH (FORCE)", name_of(url)));
}

/// Runs statements in the database of a URL of this module; returns the rows, a line each, with `|` between the columns.
pub fn run_sql(url: &str, sql: &str) -> String {
    try_sql(url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Changes a setting of a server, and waits until it is in force.
pub fn change_setting(url: &str, setting: &str, value: &str) {
    run_sql(url, &format!("ALTER SYSTEM SET {setting} = '{value}'"));
    run_sql(url, "SELECT pg_reload_conf()");
    while run_sql(url, &format!("SHOW {setting}")) != value {}
    if setting == "synchronous_standby_names" && !value.is_empty() {
        while !waits_for_a_standby(url) {}
    }
}

/// Whether a commit waits for a standby: not as soon as the setting can be read, but once the checkpointer has read it.
/// The wait is cancelled.
fn waits_for_a_standby(url: &str) -> bool {
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    thread::scope(|scope| {
        let commit = scope.spawn(|| run_sql(url, "SELECT pg_logical_emit_message(TRUE, 'test', '')"));
        let mut waits = false;
        while !waits && !commit.is_finished() {
            waits = run_sql(url, cancel) != "0";
        }
        waits
    })
}

/// Runs statements in the database of a URL of this module, as [`run_sql`] does, which may fail.
pub fn try_sql(url: &str, sql: &str) -> Result<String, String> {
    let Output { status, stdout, stderr } = psql(url).args(["--command", sql]).output().expect("psql runs");
    let output = if status.success() { stdout } else { stderr };
    let output = String::from_utf8_lossy(&output).trim_end().to_owned();
    if status.success() { Ok(output) } else { Err(output) }
}

/// The rows of the database of a URL of this module, as text.
pub fn dump(url: &str) -> Vec<u8> {
    let dump = program("pg_dump").args(["--data-only", "--dbname", url]).output().expect("pg_dump can be run");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    dump.stdout
}

fn program(name: &str) -> Command {
    let debian = Path::new(PROGRAMS).join(name);
    Command::new(if debian.is_file() { debian.as_path() } else { Path::new(name) })
}

fn psql(url: &str) -> Command {
    let mut psql = program("psql");
    psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname", url]);
    psql
}

/// A transaction that is open until this is dropped.
pub struct OpenTransaction {
    psql: Child,
}

impl OpenTransaction {
    /// Runs statements in a new transaction.
    pub fn begin(url: &str, sql: &str) -> OpenTransaction {
        let mut psql = psql(url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql can be run");
        let stdin = psql.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "BEGIN; {sql}; SELECT 'open';").expect("psql reads");
        let mut line = String::new();
        BufReader::new(psql.stdout.take().expect("it is piped")).read_line(&mut line).expect("psql prints");
        assert_eq!(line, "open\n", "{sql}");
        OpenTransaction { psql }
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        // psql ends with its input, and its session rolls the transaction back.
        drop(self.psql.stdin.take());
        let _ = self.psql.wait();
    }
}
