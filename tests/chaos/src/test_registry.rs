//! A registry under test: its directory, its user, and everything that was sent to it.

use std::path::{Path, PathBuf};

use blackbox::problems::DUPLICATE_NAME;
use blackbox::{Client, Launch, Login, Server, TestDir, sample};
use tempfile::TempDir;

use crate::again::{self, Again};
use crate::checker::{self, Stored, Violation};
use crate::disk::{Disk, Unsynced};
use crate::load::Report;
use crate::model::{CustomerHistory, Model, Outcome, Sent};
use crate::recording::Recording;
use crate::seed::Random;

/// How many customers of a registry are read back at most.
const READ: usize = 400;

/// A registry with account `Acme` and user `ada`.
pub struct TestRegistry {
    /// The directory of the test.
    pub test_dir: TestDir,
    /// An administrator of `Acme`.
    pub ada: Login,
    /// Everything that was sent.
    pub histories: Vec<CustomerHistory>,
}

impl TestRegistry {
    /// Creates a registry that was served once, so that its settings are stored; no server runs.
    #[expect(clippy::new_without_default, reason = "making a registry is no default")]
    pub fn new() -> Self {
        Self::prepare(TestDir::new())
    }

    /// The same in a PostgreSQL database.
    pub fn in_database_at(url: &str) -> Self {
        Self::prepare(TestDir::in_database_at(url))
    }

    fn prepare(test_dir: TestDir) -> Self {
        test_dir.account("Acme");
        let ada = test_dir.user("ada", "Acme", &[]);
        test_dir.serve().stop();
        Self { test_dir, ada, histories: Vec::new() }
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.test_dir.data()
    }

    /// Records what clients sent and were answered.
    pub fn note(&mut self, report: Report) {
        self.histories.extend(report.histories);
    }

    /// Sends every create and edit again that has no answer, and asserts that it takes effect once.
    pub fn send_again(&mut self, server: &Server) -> Again {
        again::send_again(&server.client_of(&self.ada), &mut self.histories)
    }

    /// Starts a server and asserts that what is stored agrees with what the clients were answered.
    #[track_caller]
    pub fn must_hold(&mut self, case: &str, random: &mut Random) {
        let model = Model::of(&self.histories);
        let verdict = judge(&self.test_dir, &self.data(), Some(&self.ada), &model, random);
        assert!(verdict.violations.is_empty(), "{case}: {:#?}", verdict.violations);
        self.histories.extend(verdict.probe);
    }
}

/// The result of checking a registry.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Every broken promise.
    pub violations: Vec<Violation>,
    /// The customer that was created to test that creates still work.
    pub probe: Option<CustomerHistory>,
}

/// The command that serves another data directory than that of `test_dir`.
pub fn launch(test_dir: &TestDir, data: &Path) -> Launch {
    let data = data.to_str().expect("the paths of these tests are plain");
    test_dir.launch().bare().args(&["--data", data, "--listen", "127.0.0.1:0"])
}

/// A directory in memory if the system has one: tests of disk images do not depend on this machine's disk.
pub fn fast_directory() -> TempDir {
    let shared = Path::new("/dev/shm");
    let parent = if shared.is_dir() { shared.to_path_buf() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("carnelian-").tempdir_in(parent).expect("a directory can be made")
}

/// A directory as a power cut may leave it, removed when dropped.
pub struct Image {
    directory: TempDir,
    /// The data directory, if that is what was recorded.
    pub data: PathBuf,
}

impl Image {
    /// Builds the directory as it may be found after the first `cut` events of a recording.
    pub fn of(recording: &Recording, cut: usize, unsynced: Unsynced, random: &mut Random) -> Self {
        let directory = fast_directory();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).expect("a directory can be made");
        Disk::after(recording, cut).write_image(&data, unsynced, random);
        Self { directory, data }
    }

    /// Keeps the directory for inspection, and returns its path.
    pub fn keep(self) -> PathBuf {
        self.directory.keep()
    }
}

/// What the first of twenty images has lost that has lost anything: everything that was not synced may be on a torn one.
pub fn first_loss(mut lost_on_image: impl FnMut() -> Vec<String>) -> Vec<String> {
    (0..20).map(|_| lost_on_image()).find(|lost| !lost.is_empty()).unwrap_or_default()
}

/// Compares the registry in `data` with the model: the files as they are, then what a server makes of them.
///
/// Without a login there are no customers yet, and the server only has to start.
pub fn judge(test_dir: &TestDir, data: &Path, login: Option<&Login>, model: &Model, random: &mut Random) -> Verdict {
    judge_knowing(test_dir, data, login, model, random, |_| {})
}

/// Like [`judge`], for a registry whose audit log is incomplete: `complete` adds what is known otherwise.
pub fn judge_knowing(
    test_dir: &TestDir,
    data: &Path,
    login: Option<&Login>,
    model: &Model,
    random: &mut Random,
    complete: impl FnOnce(&mut Stored),
) -> Verdict {
    let damaged = |what: String| Verdict { violations: vec![Violation::Damaged(what)], probe: None };
    let database = test_dir.find_database();
    let stored = match &database {
        Some(url) => Ok(Stored::read_database(url)),
        None => Stored::read(data),
    };
    let mut stored = match stored {
        Ok(stored) => stored,
        Err(error) => return damaged(error.to_string()),
    };
    complete(&mut stored);
    let server = match launch(test_dir, data).try_start() {
        Ok(server) => server,
        Err((code, log)) => return damaged(format!("no server starts: {code} {log}")),
    };
    let Some(login) = login else {
        return Verdict { violations: checker::check(model, &stored, |_| Ok(None)), probe: None };
    };
    let client = server.client_of(login);
    let share = (100 * READ).div_ceil(stored.rows.len().max(1)) as u64;
    let violations = checker::check(model, &stored, |id| {
        if !random.percent(share) {
            return Ok(None);
        }
        let reply = client.read(id);
        if reply.status == 200 { Ok(Some(reply.json())) } else { Err(format!("{} {}", reply.status, reply.text())) }
    });
    let mut verdict = Verdict { violations, probe: None };
    if database.is_some() {
        let verified = test_dir.cli(&["audit", "verify"]);
        verdict.violations.extend((verified.code != 0).then_some(Violation::AuditLog(verified.stderr)));
    }
    probe(&client, &stored, random, &mut verdict);
    verdict
}

/// Checks that a taken name is refused, and that a new customer is created under an unused id.
fn probe(client: &Client, stored: &Stored, random: &mut Random, verdict: &mut Verdict) {
    for row in stored.rows.iter().rev().take(3) {
        let reply = client.create(&sample::minimal(&row.name, "Acme"));
        if !reply.is(&DUPLICATE_NAME) {
            verdict.violations.push(Violation::DuplicateName(format!("{} {}", row.name, reply.text())));
        }
    }
    let body = sample::minimal(&format!("Probe {:x}", random.number()), "Acme");
    let reply = client.create(&body);
    if reply.status != 200 {
        return verdict.violations.push(Violation::Damaged(format!("no create: {} {}", reply.status, reply.text())));
    }
    let id = reply.customer_id();
    if stored.rows.iter().any(|row| row.id == id) {
        verdict.violations.push(Violation::ReusedId(id));
    }
    verdict.probe = Some(vec![Sent { request: String::new(), body, outcome: Outcome::Acknowledged(id) }]);
}
