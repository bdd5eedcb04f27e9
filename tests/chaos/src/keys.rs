//! Operators who issue, import and revoke keys, disable users and enable them again, over HTTP and on the command line,
//! and remember what they were told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use blackbox::{Client, Login, Place};
use clerk::Clerk;

use crate::load::{EndIfPanicking, Progress};
use crate::seed::Random;
use crate::shim::Shim;

mod clerk;
mod judged;

/// The users whose keys are worked on.
const USERS: [&str; 3] = ["ada", "ben", "cleo"];

/// The operators, the first of whom calls the API; either can be disabled while the other one can sign in.
const OPERATORS: [&str; 2] = ["opal", "olga"];

/// How many work at the same time: one on the command line, the others over HTTP.
const CLERKS: usize = 4;

/// What is done to a key or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A key is made.
    Issue,
    /// A key from elsewhere is taken over.
    Import,
    /// A key no longer works.
    Revoke,
    /// A user can no longer sign in.
    Disable,
    /// A user can sign in again.
    Enable,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is done.
    Done,
    /// It is not done and will not be.
    Refused,
    /// Nothing, or that it may be done or not.
    Nothing,
}

/// Something that was asked for.
#[derive(Clone, Debug)]
pub struct Deed {
    /// Its name, of its own for every deed of a test: the reason in the audit log, the id of the request, and the label
    /// of the key.
    pub name: String,
    /// What was to be done.
    pub work: Work,
    /// The user.
    pub user: &'static str,
    /// The id of the key, if it is known.
    pub key_id: Option<String>,
    /// The key, if it was made or taken over here and is known.
    pub key: Option<String>,
    /// What was answered.
    pub told: Told,
    /// When it was asked for, by a clock that counts questions and answers.
    pub began: usize,
    /// When it was answered; without an answer it may be done at any time.
    pub ended: usize,
}

/// A registry whose users and keys are worked on.
pub struct Office {
    /// Where everything lies.
    pub place: Place,
    opal: Login,
    /// The ids of the users by their names.
    users: Vec<(&'static str, String)>,
    deeds: Mutex<Vec<Deed>>,
    clock: AtomicUsize,
}

/// How some of the work is done.
pub struct Shift<'a> {
    /// What its deeds are named after.
    pub prefix: String,
    /// Where the server is; without one everything is done on the command line.
    pub address: Option<SocketAddr>,
    /// How many deeds each clerk does over HTTP, unless the server is gone before; one on the command line does fewer.
    pub deeds: usize,
    /// What is under each command.
    pub shim: &'a (dyn Fn(&mut Random) -> Shim + Sync),
    /// The log in which it is noted that a command has succeeded, if there is one.
    pub log: Option<&'a Path>,
}

impl Work {
    /// What the audit log calls it.
    pub fn action(self) -> &'static str {
        match self {
            Work::Issue => "issue_key",
            Work::Import => "import_key",
            Work::Revoke => "revoke_key",
            Work::Disable => "disable_user",
            Work::Enable => "enable_user",
        }
    }
}

impl Deed {
    /// Something that was not asked for yet.
    pub fn new(name: String, work: Work, user: &'static str) -> Self {
        Self { name, work, user, key_id: None, key: None, told: Told::Nothing, began: 0, ended: usize::MAX }
    }
}

impl Office {
    /// Makes the registry, with a shim under every command.
    pub fn open(place: Place, shim: &Shim) -> Self {
        shim.cli(&place, &["account", "create", "Acme"]);
        let create = |name: &'static str, role: &str| {
            (name, shim.cli(&place, &["user", "create", name, "--account", "Acme", "--role", role]))
        };
        let mut users: Vec<_> = OPERATORS.iter().map(|name| create(name, "OPERATOR")).collect();
        users.extend(USERS.iter().map(|name| create(name, "ACCOUNTADMIN")));
        let opal = Login { user: "opal".to_owned(), key: shim.cli(&place, &["key", "issue", "opal"]) };
        Self { place, opal, users, deeds: Mutex::default(), clock: AtomicUsize::new(0) }
    }

    /// How many entries the audit log had before the first deed.
    fn set_up(&self) -> u64 {
        // The account, the users and a key.
        2 + self.users.len() as u64
    }

    /// Everything that was asked for, in the order of the answers.
    pub fn deeds(&self) -> MutexGuard<'_, Vec<Deed>> {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until there was enough of it or the server is gone, and does `meanwhile` beside that.
    pub fn work(&self, shift: &Shift<'_>, random: &mut Random, meanwhile: impl FnOnce(&Progress)) {
        let progress = Progress::default();
        let clerk = |client: Option<Client>, number: usize, random: Random| {
            let label = format!("{}-{number}", shift.prefix);
            Clerk { office: self, shift, label, random, progress: &progress, client, disabled: None }
        };
        clerk(None, 0, random.branch()).let_opal_in();
        let mut clerks = vec![clerk(None, 0, random.branch())];
        for (number, address) in (1..CLERKS).zip(shift.address.iter().cycle()) {
            clerks.push(clerk(Some(Client::new(*address, Some(self.opal.clone()))), number, random.branch()));
        }
        thread::scope(|scope| {
            for mut clerk in clerks {
                scope.spawn(move || clerk.run());
            }
            let _end = EndIfPanicking(&progress);
            meanwhile(&progress);
        });
    }

    fn tick(&self) -> usize {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn id_of(&self, user: &str) -> &str {
        &self.users.iter().find(|(name, _)| *name == user).expect("a user of this office").1
    }

    /// A key that somebody was told of, and its user; one of the newest.
    fn known_key(&self, random: &mut Random) -> Option<(String, &'static str)> {
        let deeds = self.deeds();
        let made = deeds.iter().rev().filter(|deed| matches!(deed.work, Work::Issue | Work::Import));
        let known: Vec<_> = made.filter_map(|deed| Some((deed.key_id.clone()?, deed.user))).take(30).collect();
        if known.is_empty() { None } else { Some(random.pick(&known).clone()) }
    }
}
