//! A PostgreSQL server for tests: one for each process that runs tests, or the one of `CARNELIAN_TEST_POSTGRES`, which
//! holds the directory of its socket, as `scripts/test-postgres` prints it.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

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

    /// Kills the server, as a crash does.
    pub fn kill(&self) {
        self.control(&["stop", "--mode=immediate"]);
    }

    /// Starts a server again that was killed.
    pub fn restart(&self) {
        self.control(&["start", "--log=log"]);
    }

    /// Runs pg_ctl as the user of the server.
    fn control(&self, arguments: &[&str]) {
        let data = format!("{}/data", self.directory);
        let script = "
            PATH=\"/usr/lib/postgresql/15/bin:$PATH\"
            cd \"$1\" && shift
            if [ \"$(id -u)\" = 0 ]; then
                exec setpriv --reuid=postgres --regid=postgres --clear-groups pg_ctl \"$@\"
            fi
            exec pg_ctl \"$@\"";
        let status = Command::new("/bin/sh")
            .args(["-c", script, "sh", &self.directory])
            .args(arguments)
            .args(["--silent", "--wait", "--pgdata", &data])
            .stderr(Stdio::null())
            .status();
        assert!(status.expect("a shell runs").success(), "pg_ctl {arguments:?}");
    }

    /// The URL of a new, empty database.
    pub fn new_database(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let url = |name: &str| format!("postgres:///{name}?host={}&user=postgres", self.directory);
        run_sql(&url("postgres"), &format!("CREATE DATABASE {name}"));
        url(&name)
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

/// The URL of a new, empty database on a server that other tests use, too.
pub fn new_database() -> String {
    Server::shared().new_database()
}

/// Runs statements in the database of a URL of this module; returns what they print.
pub fn run_sql(url: &str, sql: &str) -> String {
    let psql = psql(url, sql);
    assert!(psql.status.success(), "{sql}: {}", String::from_utf8_lossy(&psql.stderr));
    String::from_utf8_lossy(&psql.stdout).trim_end().to_owned()
}

/// Runs statements in the database of a URL of this module; returns whether they succeeded.
pub fn try_sql(url: &str, sql: &str) -> bool {
    psql(url, sql).status.success()
}

fn psql(url: &str, sql: &str) -> Output {
    let arguments = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"];
    Command::new("psql").args(arguments).args(["--dbname", url, "--command", sql]).output().expect("psql runs")
}
