//! A running server: its start, output, signals and exit code.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::test_dir::{self, DATABASE, Login, Outcome};
use crate::{Client, binary, wait};

/// The command that starts a server, on a free port of the loopback interface unless configured otherwise.
pub struct Launch {
    directory: PathBuf,
    database: Option<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    prelude: Option<String>,
}

/// A running server; it is killed when dropped, and its log is shown if the test is failing.
pub struct Server {
    child: Child,
    address: SocketAddr,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Launch {
    pub(crate) fn new(directory: &Path, database: Option<String>, data: &Path) -> Self {
        let data = data.to_str().expect("temporary directories have plain names");
        let arguments = ["serve", "--data", data, "--listen", "127.0.0.1:0"];
        Self {
            directory: directory.to_owned(),
            database,
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            prelude: None,
        }
    }

    /// Removes `--data` and `--listen`, so that a test can set them otherwise.
    pub fn bare(mut self) -> Self {
        self.arguments.truncate(1);
        self
    }

    /// Adds arguments to the command line.
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts from a configuration file with this content.
    pub fn config(self, toml: &str) -> Self {
        let path = self.directory.join("carnelian.toml");
        fs::write(&path, toml).expect("a file can be written");
        self.args(&["--config", path.to_str().expect("temporary directories have plain names")])
    }

    /// Runs shell commands before the server, in the same process.
    pub fn after_shell(mut self, prelude: &str) -> Self {
        self.prelude = Some(prelude.to_owned());
        self
    }

    /// Starts the server and waits until it is ready.
    #[track_caller]
    pub fn start(self) -> Server {
        let (command, stdout, stderr) = self.command_with_output();
        let server = Server::spawn(command, stdout, stderr)
            .unwrap_or_else(|(code, log)| panic!("the server ended at once with {code}\n{log}"));
        if server.scheme() == "http" {
            let client = server.client();
            wait::until("the server is ready", wait::PROCESS, || {
                client.try_get("/health/ready").is_ok_and(|reply| reply.status == 200).then_some(())
            });
        }
        server
    }

    /// Starts the server and waits until it listens; the exit code and the log if it ends instead.
    #[track_caller]
    pub fn try_start(self) -> Result<Server, (i32, String)> {
        let (command, stdout, stderr) = self.command_with_output();
        Server::spawn(command, stdout, stderr)
    }

    /// Runs the command to its end, for a server that must not start.
    pub fn run(self) -> Outcome {
        let directory = self.directory.clone();
        test_dir::run(self.command(), &directory, "")
    }

    fn command_with_output(&self) -> (Command, PathBuf, PathBuf) {
        // Each start of a test has its own output files.
        static STARTS: AtomicUsize = AtomicUsize::new(0);
        let start = STARTS.fetch_add(1, Ordering::Relaxed);
        let stdout = self.directory.join(format!("serve-{start}.stdout"));
        let stderr = self.directory.join(format!("serve-{start}.stderr"));
        let mut command = self.command();
        if self.database.is_some() {
            command.arg("--migrate");
        }
        command.stdin(Stdio::null());
        command.stdout(File::create(&stdout).expect("a file can be made"));
        command.stderr(File::create(&stderr).expect("a file can be made"));
        (command, stdout, stderr)
    }

    fn command(&self) -> Command {
        let program = binary::path();
        let mut command = match &self.prelude {
            None => binary::command(&program, &self.directory),
            Some(prelude) => {
                let mut shell = binary::command(Path::new("/bin/sh"), &self.directory);
                shell.arg("-c").arg(format!("{prelude}\nexec \"$0\" \"$@\"")).arg(program);
                shell
            }
        };
        if let Some(url) = &self.database {
            command.env(DATABASE, url);
        }
        command.args(&self.arguments).envs(self.environment.iter().cloned());
        command
    }
}

impl Server {
    #[track_caller]
    fn spawn(mut command: Command, stdout: PathBuf, stderr: PathBuf) -> Result<Self, (i32, String)> {
        let child = command.spawn().expect("the binary can be run");
        let placeholder = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, address: placeholder, stdout, stderr };
        let url = wait::until("the server prints where it listens", wait::PROCESS, || {
            let ended = server.child.try_wait().expect("a child can be waited for");
            match ended {
                Some(status) => Some(Err((status.code().unwrap_or(-1), server.log()))),
                None => server.printed_url().map(Ok),
            }
        })?;
        let address = url.split_once("://").expect("a URL has a scheme").1;
        server.address = address.parse().unwrap_or_else(|_| panic!("no address in {url:?}"));
        // A server that listens on all addresses is used through the loopback address.
        if server.address.ip().is_unspecified() {
            server.address.set_ip([127, 0, 0, 1].into());
        }
        Ok(server)
    }

    fn printed_url(&self) -> Option<String> {
        let stdout = self.stdout();
        // A line is complete once its end is written.
        let line =
            stdout.split_inclusive('\n').find(|line| line.starts_with("Listening on ") && line.ends_with('\n'))?;
        Some(line["Listening on ".len()..].trim_end().to_owned())
    }

    fn scheme(&self) -> String {
        let url = self.printed_url().expect("the server has printed where it listens");
        url.split_once("://").expect("a URL has a scheme").0.to_owned()
    }

    /// The address of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A client without credentials.
    pub fn client(&self) -> Client {
        Client::new(self.address, None)
    }

    /// A client with the credentials `login`.
    pub fn client_of(&self, login: &Login) -> Client {
        Client::new(self.address, Some(login.clone()))
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        read(&self.stderr)
    }

    /// What the server has printed so far.
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id());
        let status = Command::new("/bin/sh").arg("-c").arg(script).status().expect("a shell can be run");
        assert!(status.success(), "the server has ended already");
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Waits for the end of the process and returns its exit code.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        test_dir::end_of(&mut self.child, "the server ends")
    }

    /// Stops the server with SIGTERM, and asserts that its exit code is 0.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal("TERM");
        let code = self.wait();
        assert_eq!(code, 0, "the server did not shut down cleanly");
    }

    /// Kills the process with SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("the server is still running");
        self.child.wait().expect("a child can be waited for");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log();
        if thread::panicking() {
            eprintln!("--- the server's log\n{log}--- end of the server's log");
        } else {
            assert!(!log.contains("panicked at"), "the server panicked:\n{log}");
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
