//! Compares the stored users and keys with the changes that were requested.
//!
//! The audit log shows which of the changes without an answer were made. The keys and users must be those that follow
//! from the log, and the log must contain every acknowledged change once, in order, and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use blackbox::{Login, Server};
use rusqlite::{Connection, Row};

use super::{ChangeKind, KeyChange, KeyRegistry, Outcome};
use crate::checker::{self, Stored, open_copy};
use crate::test_registry;

/// How many valid and how many invalid keys are tried: the server slows down further invalid ones.
const SIGN_INS: usize = 10;

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its user.
    pub user: String,
    /// The name of the change that created it.
    pub label: String,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// Users and keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The keys by their ids.
    pub keys: BTreeMap<String, Key>,
    /// The users who cannot sign in.
    pub disabled: BTreeSet<String>,
}

/// An entry of the audit log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number.
    pub sequence: u64,
    /// The action.
    pub action: String,
    /// Its object.
    pub object: String,
    /// The name of the change.
    pub reason: Option<String>,
}

/// What the files of a registry hold.
#[derive(Clone, Debug)]
pub struct StoredKeys {
    /// The users, and the keys that have labels.
    pub state: State,
    /// How many operators can sign in.
    pub operators: usize,
    /// The audit log.
    pub entries: Vec<Entry>,
}

impl StoredKeys {
    /// Reads the registry in `data`.
    pub fn read(data: &Path) -> Result<Self, rusqlite::Error> {
        let (database, _copy) = open_copy(data)?;
        let keys = "SELECT key_id, name, label, revoked_at IS NOT NULL FROM api_key
            JOIN registry_user ON registry_user.id = user_id WHERE label IS NOT NULL";
        let key = |row: &Row<'_>| {
            Ok((row.get::<_, String>(0)?, Key { user: row.get(1)?, label: row.get(2)?, revoked: row.get(3)? }))
        };
        let disabled = "SELECT name FROM registry_user WHERE enabled = 0";
        let operators = "SELECT count(*) FROM registry_user WHERE role = 'OPERATOR' AND enabled = 1";
        let entries = "SELECT sequence, entry ->> 'action', entry ->> 'object', entry ->> 'reason' FROM audit
            ORDER BY sequence";
        let entry = |row: &Row<'_>| {
            let sequence = row.get::<_, i64>(0)? as u64;
            Ok(Entry { sequence, action: row.get(1)?, object: row.get(2)?, reason: row.get(3)? })
        };
        Ok(Self {
            state: State {
                keys: list(&database, keys, key)?.into_iter().collect(),
                disabled: list(&database, disabled, |row| row.get(0))?.into_iter().collect(),
            },
            operators: database.query_row(operators, [], |row| row.get::<_, i64>(0))? as usize,
            entries: list(&database, entries, entry)?,
        })
    }
}

fn list<T>(
    database: &Connection,
    select: &str,
    read: impl Fn(&Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, rusqlite::Error> {
    database.prepare(select)?.query_map([], read)?.collect()
}

/// The users and keys that follow from the audit log, and every fault.
///
/// The first `set_up` entries were written before the first change.
pub fn compare(
    changes: &[KeyChange],
    set_up: u64,
    stored_keys: &StoredKeys,
    acknowledged: impl Fn(&KeyChange) -> bool,
) -> (State, Vec<String>) {
    let by_name: HashMap<&str, &KeyChange> = changes.iter().map(|change| (change.name.as_str(), change)).collect();
    let (mut state, mut faults) = (State::default(), Vec::new());
    let (mut logged, mut newest, mut in_order) = (HashSet::new(), 0, Vec::new());
    for entry in stored_keys.entries.iter().filter(|entry| entry.sequence > set_up) {
        let change = entry.reason.as_deref().and_then(|name| by_name.get(name).copied());
        // A server records changed settings at its start, and refused requests.
        let refused = entry.action == "refused" && change.is_some_and(|change| change.outcome != Outcome::Done);
        if refused || entry.action == "change_settings" {
            continue;
        }
        match change.filter(|change| entry.action == change.kind.action() && change.outcome != Outcome::Refused) {
            Some(change) if logged.insert(change.name.as_str()) => {
                if change.ended < newest {
                    faults.push(format!("{entry:?} follows a change that began after its answer"));
                }
                newest = newest.max(change.began);
                in_order.push(change);
                faults.extend(state.apply(change, entry));
            }
            _ => faults.push(format!("{entry:?} is of no change, or repeated")),
        }
    }
    let missing = changes.iter().filter(|change| acknowledged(change) && !logged.contains(change.name.as_str()));
    let lost = missing.filter(|change| !changed_nothing(change, &in_order));
    faults.extend(lost.map(|change| format!("{change:?} is lost")));
    if state != stored_keys.state {
        faults.push(format!("the audit log implies {state:?}, stored is {:?}", stored_keys.state));
    }
    if stored_keys.operators == 0 {
        faults.push("no operator is left".to_owned());
    }
    (state, faults)
}

/// Whether a user may have been enabled, or disabled, already when it was to be: then nothing is logged. `logged` are the
/// logged changes in the order of the log.
fn changed_nothing(change: &KeyChange, logged: &[&KeyChange]) -> bool {
    let is_switch = |change: &KeyChange| matches!(change.kind, ChangeKind::Enable | ChangeKind::Disable);
    if !is_switch(change) {
        return false;
    }
    let switches: Vec<_> = logged.iter().filter(|other| is_switch(other) && other.user == change.user).collect();
    (0..=switches.len()).any(|place| {
        let (before, after) = switches.split_at(place);
        let is_possible = before.iter().all(|other| other.began < change.ended)
            && after.iter().all(|other| other.ended > change.began);
        is_possible && before.last().map_or(ChangeKind::Enable, |last| last.kind) == change.kind
    })
}

impl State {
    fn apply(&mut self, change: &KeyChange, entry: &Entry) -> Option<String> {
        let id = entry.object.strip_prefix("key:").unwrap_or_default();
        let other = change.key_id.as_deref().is_some_and(|known| known != id);
        match change.kind {
            _ if other => return Some(format!("{entry:?} has another key than {change:?}")),
            ChangeKind::Issue | ChangeKind::Import => {
                let key = Key { user: change.user.to_owned(), label: change.name.clone(), revoked: false };
                self.keys.insert(id.to_owned(), key);
            }
            ChangeKind::Revoke => match self.keys.get_mut(id) {
                Some(key) => key.revoked = true,
                None => return Some(format!("{entry:?} has an unknown key")),
            },
            ChangeKind::Disable => drop(self.disabled.insert(change.user.to_owned())),
            ChangeKind::Enable => drop(self.disabled.remove(change.user)),
        }
        None
    }

    /// Whether the key that a change has created is valid.
    fn accepts(&self, change: &KeyChange) -> bool {
        let key = self.keys.values().find(|key| key.label == change.name);
        key.is_some_and(|key| !key.revoked && !self.disabled.contains(change.user))
    }
}

impl KeyRegistry {
    /// The users and keys that follow from the audit log in the files of a registry, and every fault of these.
    pub fn faults_in_files(&self, data: &Path, acknowledged: impl Fn(&KeyChange) -> bool) -> (State, Vec<String>) {
        let (stored, stored_keys) = match (Stored::read(data), StoredKeys::read(data)) {
            (Ok(stored), Ok(stored_keys)) => (stored, stored_keys),
            (Err(error), _) | (_, Err(error)) => return (State::default(), vec![error.to_string()]),
        };
        let mut faults: Vec<_> = checker::check_rows(&stored).iter().map(|fault| format!("{fault:?}")).collect();
        let (state, more) = compare(&self.changes(), self.set_up(), &stored_keys, acknowledged);
        faults.extend(more);
        (state, faults)
    }

    /// Every fault of the registry in `data`, in which some changes were acknowledged: first of the files, then of a
    /// server on them.
    pub fn faults(&self, data: &Path, acknowledged: impl Fn(&KeyChange) -> bool) -> Vec<String> {
        let (state, mut faults) = self.faults_in_files(data, acknowledged);
        let changes = self.changes();
        let verified = self.test_dir.bare_cli(&["audit", "verify", "--data", data.to_str().expect("a plain name")]);
        if verified.code != 0 {
            faults.push(format!("{verified:?}"));
        }
        match test_registry::launch(&self.test_dir, data).try_start() {
            Ok(server) => faults.extend(sign_ins(&server, &changes, &state)),
            Err((code, log)) => faults.push(format!("no server starts: {code} {log}")),
        }
        faults
    }
}

/// Tries the newest known keys, and returns a fault for each unexpected result.
fn sign_ins(server: &Server, changes: &[KeyChange], state: &State) -> Vec<String> {
    let (mut good, mut bad, mut faults) = (0, 0, Vec::new());
    for change in changes.iter().rev() {
        let Some(key) = &change.key else { continue };
        let works = state.accepts(change);
        let tried = if works { &mut good } else { &mut bad };
        if *tried == SIGN_INS {
            continue;
        }
        *tried += 1;
        let client = server.client_of(&Login { user: change.user.to_owned(), key: key.clone() });
        let status = client.get("/rws/api/v1/echo/hello").status;
        if (status == 200) != works {
            faults.push(format!("the key of {change:?} is valid: {works}, and is answered {status}"));
        }
    }
    faults
}

#[cfg(test)]
mod tests;
