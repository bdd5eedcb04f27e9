//! Configures the preloaded library between the server and the system (`shim/shim.c`).

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use blackbox::{Launch, Login, Server, TestDir};

/// The system's number for an I/O error.
pub const EIO: i32 = 5;
/// The system's number for too many open files.
pub const EMFILE: i32 = 24;
/// The system's number for a full disk.
pub const ENOSPC: i32 = 28;
/// The system's number for a read-only file system.
pub const EROFS: i32 = 30;

/// What happens to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The process is killed instead.
    KillBefore,
    /// Half of a write is done, and the process is killed.
    KillHalf,
    /// It is done, and the process is killed.
    KillAfter,
    /// It fails.
    Fail(i32),
    /// It fails, and so does every later one.
    FailFromThenOn(i32),
    /// It fails, and so does everything from then on that would change something: the file system is read-only.
    ReadOnly,
    /// Like [`Action::ReadOnly`], but files can be opened for writing until the times of one are set: an ext4 does so
    /// while its journal is being aborted.
    JournalEnds,
    /// It waits until the rule no longer applies, and so does every later one.
    Hold,
}

/// One operation, and what happens to it.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What happens.
    pub action: Action,
    /// `write`, `truncate`, `sync`, `open`, `link`, `rename`, `unlink`, `any` of these, `read`, `send` for an answer, or
    /// `begin` for the moment at which a transaction that writes has begun.
    pub kind: &'static str,
    /// The end of the file's name, or `*`; `ack` is an answer with a customer's id, `other` any other one, and `.` the
    /// directory.
    pub suffix: &'static str,
    /// Which of these operations, from 1.
    pub number: usize,
}

/// A shim for the data directory of one process.
#[derive(Clone, Debug)]
pub struct Shim {
    variables: Vec<(&'static str, String)>,
}

impl Shim {
    /// A shim that watches `data` and does nothing else.
    pub fn new(data: &Path) -> Self {
        let variables = vec![("LD_PRELOAD", plain(library())), ("CHAOS_SHIM_DIRECTORY", plain(data))];
        Self { variables }
    }

    /// Appends every operation to a log.
    pub fn record(mut self, log: &Path) -> Self {
        self.variables.push(("CHAOS_SHIM_LOG", plain(log)));
        self
    }

    /// Applies a rule.
    pub fn rule(mut self, rule: &Rule) -> Self {
        self.variables.push(("CHAOS_SHIM_RULE", rule.text()));
        self
    }

    /// Whether it has a rule.
    pub fn has_rule(&self) -> bool {
        self.variables.iter().any(|(name, _)| *name == "CHAOS_SHIM_RULE")
    }

    /// Makes syncs of the files whose names end with `suffix` do nothing.
    pub fn ignore_sync(mut self, suffix: &str) -> Self {
        self.variables.push(("CHAOS_SHIM_IGNORE_SYNC", suffix.to_owned()));
        self
    }

    /// Makes syncs of the files whose names end with `suffix` return before they are done.
    pub fn late_sync(mut self, suffix: &str) -> Self {
        self.variables.push(("CHAOS_SHIM_LATE_SYNC", suffix.to_owned()));
        self
    }

    /// Lets the process believe that the machine has the memory that `meminfo` says, a file like `/proc/meminfo`.
    pub fn meminfo(mut self, meminfo: &Path) -> Self {
        self.variables.push(("CHAOS_SHIM_MEMINFO", plain(meminfo)));
        self
    }

    /// Applies the rule only between a SIGUSR1 and a SIGUSR2.
    pub fn armed_by_signal(mut self) -> Self {
        self.variables.push(("CHAOS_SHIM_ARM_BY_SIGNAL", "1".to_owned()));
        self
    }

    /// Preloads the shim into a server.
    pub fn under(&self, launch: Launch) -> Launch {
        self.variables.iter().fold(launch, |launch, (name, value)| launch.env(name, value))
    }

    /// Preloads the shim into a command.
    pub fn under_command(&self, command: &mut Command) {
        command.envs(self.variables.iter().cloned());
    }

    /// Starts a server under a rule that may kill it at any moment; `None` if it is killed before it listens.
    #[track_caller]
    pub fn start_unless_killed(&self, launch: Launch) -> Option<Server> {
        match self.under(launch).try_start() {
            Ok(server) => Some(server),
            Err((code, log)) => {
                assert_eq!(code, -1, "the server ended without being killed: {log}");
                None
            }
        }
    }

    /// Runs a command on the registry of `test_dir`, and returns its output.
    pub fn run(&self, test_dir: &TestDir, arguments: &[&str]) -> Output {
        let mut command = test_dir.command();
        command.args(arguments).arg("--data").arg(test_dir.data());
        self.under_command(&mut command);
        command.output().expect("the binary can be run")
    }

    /// Runs a command that must succeed, and returns what it prints.
    #[track_caller]
    pub fn cli(&self, test_dir: &TestDir, arguments: &[&str]) -> String {
        let output = self.run(test_dir, arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// Creates a user and issues a key.
    #[track_caller]
    pub fn user(&self, test_dir: &TestDir, name: &str, account: &str) -> Login {
        self.cli(test_dir, &["user", "create", name, "--account", account]);
        Login { user: name.to_owned(), key: self.cli(test_dir, &["key", "issue", name]) }
    }
}

impl Rule {
    fn text(&self) -> String {
        let (action, errno) = match self.action {
            Action::KillBefore => ("kill-before", 0),
            Action::KillHalf => ("kill-half", 0),
            Action::KillAfter => ("kill-after", 0),
            Action::Fail(errno) => ("fail-once", errno),
            Action::FailFromThenOn(errno) => ("fail-sticky", errno),
            Action::ReadOnly => ("read-only", EROFS),
            Action::JournalEnds => ("journal-ends", EROFS),
            Action::Hold => ("hold", 0),
        };
        format!("{action} {} {} {} {errno}", self.kind, self.suffix, self.number)
    }
}

/// Compiles the shim, once per process.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("shim/shim.c");
        let test = env::current_exe().expect("a test knows its own executable");
        let library = test.with_file_name("chaos-shim.so");
        let draft = test.with_file_name(format!("chaos-shim-{}.so", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&draft).arg(source);
        let status = compiler.args(["-ldl", "-lpthread"]).status().expect("there is a C compiler");
        assert!(status.success(), "the shim does not compile");
        // Test processes run concurrently: each renames a complete library into place.
        std::fs::rename(&draft, &library).expect("a file can be renamed");
        library
    })
}

fn plain(path: &Path) -> String {
    path.to_str().expect("the paths of these tests are plain").to_owned()
}
