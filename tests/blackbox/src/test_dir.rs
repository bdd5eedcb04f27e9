//! A fresh directory, and commands that run on it.

use std::env;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::thread;

use data_encoding::BASE64;
use tempfile::TempDir;

use crate::{Client, Launch, Server, binary, wait};

/// The setting that names a database.
pub(crate) const DATABASE: &str = "CARNELIAN_DATABASE_URL";

/// A fresh directory with the data directory of one test and the output of its processes.
pub struct TestDir {
    root: TempDir,
    database: Option<Database>,
}

/// The PostgreSQL database of a registry.
struct Database {
    url: String,
    /// Whether it was made for this directory, and goes with it.
    is_own: bool,
    /// A registry in a directory is made by the first command, and one in a database by `carnelian migrate`.
    migration: Once,
}

/// The credentials of a user.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// The API key.
    pub key: String,
}

/// The result of a command.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code.
    pub code: i32,
    /// All of the standard output.
    pub stdout: String,
    /// All of the standard error.
    pub stderr: String,
}

/// The fixture of most tests: account `Acme`, user `ada` in it, and a running server.
pub struct Fixture {
    /// The running server; declared first so that it stops before its directory is removed.
    pub server: Server,
    /// The directory of the test.
    pub test_dir: TestDir,
    /// An administrator of `Acme`.
    pub ada: Login,
}

impl Fixture {
    /// Creates the account and the user, and starts the server.
    pub fn start() -> Self {
        Self::start_with(|launch| launch)
    }

    /// Like [`Fixture::start`], with what `configure` adds to the server's command.
    pub fn start_with(configure: impl FnOnce(Launch) -> Launch) -> Self {
        Self::start_in(TestDir::new(), configure)
    }

    /// Like [`Fixture::start`], with a registry in SQLite whatever the engine of this run.
    pub fn embedded() -> Self {
        Self::start_in(TestDir::embedded(), |launch| launch)
    }

    fn start_in(test_dir: TestDir, configure: impl FnOnce(Launch) -> Launch) -> Self {
        test_dir.account("Acme");
        let ada = test_dir.user("ada", "Acme", &[]);
        let server = configure(test_dir.launch()).start();
        Self { server, test_dir, ada }
    }

    /// A client signed in as `ada`.
    pub fn client(&self) -> Client {
        self.server.client_of(&self.ada)
    }
}

impl Login {
    /// The value of the `Authorization` header.
    pub fn basic(&self) -> String {
        format!("Basic {}", BASE64.encode(format!("{}:{}", self.user, self.key).as_bytes()))
    }
}

impl TestDir {
    /// Creates an empty directory for a registry in the engine of this run: SQLite, or PostgreSQL with
    /// `CARNELIAN_TEST_DATABASE=postgres`.
    #[expect(clippy::new_without_default, reason = "making a directory is no default")]
    pub fn new() -> Self {
        match env::var("CARNELIAN_TEST_DATABASE").as_deref() {
            Err(_) | Ok("sqlite") => Self::embedded(),
            Ok("postgres") => {
                let url = test_postgres::new_database();
                Self::of(Some(Database { url, is_own: true, migration: Once::new() }))
            }
            Ok(other) => panic!("CARNELIAN_TEST_DATABASE is {other}, neither sqlite nor postgres"),
        }
    }

    /// Creates an empty directory for a registry in SQLite, whatever the engine of this run.
    pub fn embedded() -> Self {
        Self::of(None)
    }

    /// Creates an empty directory for a registry in a new PostgreSQL database, whatever the engine of this run.
    pub fn in_database() -> Self {
        Self::in_database_at(&test_postgres::new_database())
    }

    /// Creates a directory for a registry in a PostgreSQL database with this URL, which is empty.
    pub fn in_database_at(url: &str) -> Self {
        let test_dir = Self::of(Some(Database { url: url.to_owned(), is_own: false, migration: Once::new() }));
        test_dir.migrate();
        test_dir
    }

    /// Creates a directory for another server of the registry of this one, which is in a database.
    pub fn beside(&self) -> Self {
        self.beside_at(&self.database())
    }

    /// Creates a directory for a server of the same registry that uses a database with another URL.
    pub fn beside_at(&self, url: &str) -> Self {
        self.migrate();
        let test_dir = Self::of(Some(Database { url: url.to_owned(), is_own: false, migration: Once::new() }));
        test_dir.copy_master_key(self);
        test_dir
    }

    fn of(database: Option<Database>) -> Self {
        Self { root: TempDir::with_prefix("carnelian-").expect("a temporary directory can be made"), database }
    }

    /// Whether the registry is in SQLite.
    pub fn is_embedded(&self) -> bool {
        self.database.is_none()
    }

    /// The URL of the registry's database, which is one of PostgreSQL.
    pub fn database(&self) -> String {
        self.find_database().expect("the registry is in a database")
    }

    /// The URL of the registry's database, unless the registry is embedded.
    pub fn find_database(&self) -> Option<String> {
        self.database.as_ref().map(|database| database.url.clone())
    }

    /// Creates the data directory, with the master key of another one.
    pub fn copy_master_key(&self, from: &TestDir) {
        fs::create_dir(self.data()).expect("a directory can be made");
        let private = Permissions::from_mode(0o700);
        fs::set_permissions(self.data(), private).expect("permissions can be set");
        fs::copy(from.data().join("master.key"), self.data().join("master.key")).expect("there is a master key");
    }

    /// The directory, which is the working directory of every process.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.root().join("data")
    }

    /// Writes a file into the directory that only its owner can read, and returns its path.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.root().join(name);
        fs::write(&path, content).expect("a file can be written");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("permissions can be changed");
        path
    }

    /// Every file of the data directory with its content.
    pub fn data_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.data()).expect("there is a data directory");
        let paths = entries.map(|entry| entry.expect("a directory can be listed").path());
        paths.filter(|path| path.is_file()).filter_map(|path| Some((path.clone(), fs::read(path).ok()?))).collect()
    }

    /// Runs `carnelian ARGUMENTS --data DIR`.
    pub fn cli(&self, arguments: &[&str]) -> Outcome {
        self.cli_with_input(arguments, "")
    }

    /// Runs `carnelian ARGUMENTS --data DIR` with `input` on its standard input.
    pub fn cli_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        if !["migrate", "restore"].contains(&arguments[0]) {
            self.migrate();
        }
        let mut command = self.command();
        command.args(arguments).arg("--data").arg(self.data());
        run(command, self.root(), input)
    }

    /// Makes the registry if it is in a database that has none.
    fn migrate(&self) {
        if let Some(database) = &self.database {
            database.migration.call_once(|| {
                self.cli(&["migrate"]);
            });
        }
    }

    /// Runs `carnelian ARGUMENTS`, without `--data`.
    pub fn bare_cli(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.command();
        command.args(arguments);
        run(command, self.root(), "")
    }

    /// A command that runs the binary in this directory.
    pub fn command(&self) -> Command {
        self.program(&binary::path())
    }

    /// A command that runs a program in this directory, which may run the binary.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = binary::command(program, self.root());
        if let Some(url) = self.find_database() {
            command.env(DATABASE, url);
        }
        command
    }

    /// Creates an account and returns its id.
    #[track_caller]
    pub fn account(&self, name: &str) -> String {
        self.cli(&["account", "create", name]).line()
    }

    /// Creates a group of accounts.
    #[track_caller]
    pub fn group(&self, name: &str, accounts: &[&str]) {
        self.cli(&["group", "create", name]).done();
        for account in accounts {
            self.cli(&["group", "add", name, account]).done();
        }
    }

    /// Creates a user, with `more` as further arguments, and issues a key.
    #[track_caller]
    pub fn user(&self, name: &str, account: &str, more: &[&str]) -> Login {
        let command = ["user", "create", name, "--account", account];
        self.cli(&[&command, more].concat()).done();
        self.key(name, &[])
    }

    /// Issues a key, with `more` as further arguments.
    #[track_caller]
    pub fn key(&self, user: &str, more: &[&str]) -> Login {
        let key = self.cli(&[&["key", "issue", user], more].concat()).line();
        Login { user: user.to_owned(), key }
    }

    /// The command that starts a server on this data directory, to be configured.
    pub fn launch(&self) -> Launch {
        Launch::new(self.root(), self.find_database(), &self.data())
    }

    /// Starts a server.
    #[track_caller]
    pub fn serve(&self) -> Server {
        self.launch().start()
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        // The database of a test that fails stays, to be looked at.
        if let Some(database) = self.database.as_ref().filter(|database| database.is_own && !thread::panicking()) {
            test_postgres::drop_database(&database.url);
        }
    }
}

impl Outcome {
    /// Asserts success and returns the standard output.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "the command failed: {self:?}");
        self.stdout
    }

    /// Asserts success with exactly one line on the standard output, and returns that line.
    #[track_caller]
    pub fn line(self) -> String {
        let stdout = self.done();
        let line = stdout.strip_suffix('\n').unwrap_or_else(|| panic!("no whole line: {stdout:?}"));
        assert!(!line.is_empty() && !line.contains('\n'), "not one line: {stdout:?}");
        line.to_owned()
    }

    /// Asserts success and parses the standard output as JSON.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let stdout = self.done();
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {stdout}"))
    }

    /// Asserts that the command ended with `code`, an error on stderr and nothing on stdout, and returns the error.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "expected exit code {code}: {self:?}");
        assert_eq!(self.stdout, "", "a failing command prints nothing to stdout: {self:?}");
        assert!(!self.stderr.trim().is_empty(), "a failing command prints an error");
        self.stderr
    }
}

/// Runs a command to its end; its output is kept in files in `directory`.
pub(crate) fn run(mut command: Command, directory: &Path, input: &str) -> Outcome {
    let output = TempDir::with_prefix_in("output-", directory).expect("a directory can be made");
    let (stdout, stderr) = (output.path().join("stdout"), output.path().join("stderr"));
    command.stdin(Stdio::piped());
    command.stdout(File::create(&stdout).expect("a file can be made"));
    command.stderr(File::create(&stderr).expect("a file can be made"));
    let mut child = command.spawn().expect("the binary can be run");
    // A command that reads no input may have ended already; its exit code shows whether it succeeded.
    let _ = child.stdin.take().expect("the input is piped").write_all(input.as_bytes());
    let code = end_of(&mut child, &format!("{command:?} ends"));
    let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).expect("output was kept")).into_owned();
    let outcome = Outcome { code, stdout: read(&stdout), stderr: read(&stderr) };
    assert!(!outcome.stderr.contains("panicked at"), "{command:?} panicked: {outcome:?}");
    outcome
}

/// Waits for the end of `child` and returns its exit code, or -1 if a signal ended it.
#[track_caller]
pub(crate) fn end_of(child: &mut Child, what: &str) -> i32 {
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait::until(what, wait::PROCESS, || child.try_wait().expect("a child can be waited for"))
    }));
    match waited {
        Ok(status) => status.code().unwrap_or(-1),
        Err(panic) => {
            // No process may outlive its test.
            let _ = child.kill();
            let _ = child.wait();
            std::panic::resume_unwind(panic)
        }
    }
}
