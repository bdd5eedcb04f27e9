//! Workers that issue, import and revoke keys, disable and enable users, over HTTP and on the command line, and record
//! the outcomes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use blackbox::{Client, Login, TestDir};
use worker::Worker;

use crate::load::{EndIfPanicking, Progress};
use crate::seed::Random;
use crate::shim::Shim;

mod verify;
mod worker;

/// The users whose keys change.
const USERS: [&str; 3] = ["ada", "ben", "cleo"];

/// The operators, the first of whom calls the API; either can be disabled while the other one can sign in.
const OPERATORS: [&str; 2] = ["opal", "olga"];

/// What is changed about a key or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A key is issued.
    Issue,
    /// A key made elsewhere is imported.
    Import,
    /// A key is revoked.
    Revoke,
    /// A user is disabled.
    Disable,
    /// A user is enabled.
    Enable,
}

/// What is known about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is not done and will not be.
    Refused,
    /// There was no answer, or one that leaves it open: it may be done.
    Unknown,
}

/// A change that was requested.
#[derive(Clone, Debug)]
pub struct KeyChange {
    /// Its name, unique within a test: the reason in the audit log, the id of the request, and the label of the key.
    pub name: String,
    /// The kind of change.
    pub kind: ChangeKind,
    /// The user.
    pub user: &'static str,
    /// The id of the key, if it is known.
    pub key_id: Option<String>,
    /// The key, if it was issued or imported by this change and is known.
    pub key: Option<String>,
    /// What is known about it.
    pub outcome: Outcome,
    /// When it was requested, by a clock that counts requests and answers.
    pub began: usize,
    /// When it was answered; without an answer it may be done at any time.
    pub ended: usize,
}

/// A registry whose users and keys change.
pub struct KeyRegistry {
    /// The directory of the test.
    pub test_dir: TestDir,
    opal: Login,
    /// The ids of the users by their names.
    users: Vec<(&'static str, String)>,
    changes: Mutex<Vec<KeyChange>>,
    clock: AtomicUsize,
}

/// How the workers run.
pub struct Workload<'a> {
    /// The prefix of the names of its changes.
    pub prefix: String,
    /// The address of the server; without one every change is made on the command line.
    pub address: Option<SocketAddr>,
    /// How many workers make changes over HTTP.
    pub clients: usize,
    /// How many changes each of them makes at most.
    pub changes: usize,
    /// How many changes another worker makes on the command line at most.
    pub commands: usize,
    /// The shim of each command.
    pub shim: &'a (dyn Fn(&mut Random) -> Shim + Sync),
    /// The recording to which the success of a command is added, if there is one.
    pub log: Option<&'a Path>,
}

impl<'a> Workload<'a> {
    /// No changes yet, under this shim.
    pub fn new(shim: &'a (dyn Fn(&mut Random) -> Shim + Sync)) -> Self {
        Self { prefix: String::new(), address: None, clients: 3, changes: 0, commands: 0, shim, log: None }
    }
}

impl ChangeKind {
    /// Its action in the audit log.
    pub fn action(self) -> &'static str {
        match self {
            ChangeKind::Issue => "issue_key",
            ChangeKind::Import => "import_key",
            ChangeKind::Revoke => "revoke_key",
            ChangeKind::Disable => "disable_user",
            ChangeKind::Enable => "enable_user",
        }
    }
}

impl KeyChange {
    /// A change that was not requested yet.
    pub fn new(name: String, kind: ChangeKind, user: &'static str) -> Self {
        Self { name, kind, user, key_id: None, key: None, outcome: Outcome::Unknown, began: 0, ended: usize::MAX }
    }
}

impl KeyRegistry {
    /// Creates the registry, with a shim in every command.
    pub fn open(test_dir: TestDir, shim: &Shim) -> Self {
        shim.cli(&test_dir, &["account", "create", "Acme"]);
        let create = |name: &'static str, role: &str| {
            (name, shim.cli(&test_dir, &["user", "create", name, "--account", "Acme", "--role", role]))
        };
        let mut users: Vec<_> = OPERATORS.iter().map(|name| create(name, "OPERATOR")).collect();
        users.extend(USERS.iter().map(|name| create(name, "ACCOUNTADMIN")));
        let opal = Login { user: "opal".to_owned(), key: shim.cli(&test_dir, &["key", "issue", "opal"]) };
        Self { test_dir, opal, users, changes: Mutex::default(), clock: AtomicUsize::new(0) }
    }

    /// How many entries the audit log had before the first change.
    fn set_up(&self) -> u64 {
        // The account, the users and a key.
        2 + self.users.len() as u64
    }

    /// Every requested change, in the order of the answers.
    pub fn changes(&self) -> MutexGuard<'_, Vec<KeyChange>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the workers until all changes are made or the server cannot be reached, and `meanwhile` concurrently.
    pub fn work(&self, workload: &Workload<'_>, random: &mut Random, meanwhile: impl FnOnce(&Progress)) {
        let progress = Progress::default();
        let worker = |client: Option<Client>, number: usize, random: Random| {
            let label = format!("{}-{number}", workload.prefix);
            Worker { registry: self, workload, label, random, progress: &progress, client, disabled: None }
        };
        worker(None, 0, random.branch()).enable_first_operator();
        let mut workers = vec![worker(None, 0, random.branch())];
        for (number, address) in (1..=workload.clients).zip(workload.address.iter().cycle()) {
            workers.push(worker(Some(Client::new(*address, Some(self.opal.clone()))), number, random.branch()));
        }
        thread::scope(|scope| {
            for mut worker in workers {
                scope.spawn(move || worker.run());
            }
            let _end = EndIfPanicking(&progress);
            meanwhile(&progress);
        });
    }

    fn tick(&self) -> usize {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn id_of(&self, user: &str) -> &str {
        &self.users.iter().find(|(name, _)| *name == user).expect("a user of this registry").1
    }

    /// One of the newest keys whose id is known, and its user.
    fn known_key(&self, random: &mut Random) -> Option<(String, &'static str)> {
        let changes = self.changes();
        let made = changes.iter().rev().filter(|change| matches!(change.kind, ChangeKind::Issue | ChangeKind::Import));
        let known: Vec<_> = made.filter_map(|change| Some((change.key_id.clone()?, change.user))).take(30).collect();
        if known.is_empty() { None } else { Some(random.pick(&known).clone()) }
    }
}
