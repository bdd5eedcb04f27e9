//! What a registry holds of users and keys, compared with what was asked for.
//!
//! The audit log says which of the deeds without an answer were done. The keys and users must be what follows from the
//! log, whole; and the log must tell of everything that was acknowledged, once, in its order, and of nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use blackbox::{Login, Server};
use rusqlite::{Connection, Row};

use super::{Deed, Office, Told, Work};
use crate::checker::{self, Stored, open_copy};
use crate::scene;

/// How many keys are tried that must work, and how many that must not: more would be slowed down.
const SIGN_INS: usize = 10;

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Whose it is.
    pub user: String,
    /// The name of the deed that made it.
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
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// The name of the deed.
    pub reason: Option<String>,
}

/// What the files of a registry hold.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The users, and the keys that have labels.
    pub state: State,
    /// How many operators can sign in.
    pub operators: usize,
    /// The audit log.
    pub entries: Vec<Entry>,
}

impl Kept {
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

/// What the users and keys must be by the audit log, and everything that does not fit.
///
/// The first `set_up` entries are of what was there before the first deed.
pub fn compare(deeds: &[Deed], set_up: u64, kept: &Kept, acknowledged: impl Fn(&Deed) -> bool) -> (State, Vec<String>) {
    let by_name: HashMap<&str, &Deed> = deeds.iter().map(|deed| (deed.name.as_str(), deed)).collect();
    let (mut state, mut faults) = (State::default(), Vec::new());
    let (mut told, mut newest) = (HashSet::new(), 0);
    for entry in kept.entries.iter().filter(|entry| entry.sequence > set_up) {
        let deed = entry.reason.as_deref().and_then(|name| by_name.get(name).copied());
        // A server writes down with which settings it was started, and that somebody was refused.
        let refused = entry.action == "refused" && deed.is_some_and(|deed| deed.told != Told::Done);
        if refused || entry.action == "change_settings" {
            continue;
        }
        match deed.filter(|deed| entry.action == deed.work.action() && deed.told != Told::Refused) {
            Some(deed) if told.insert(deed.name.as_str()) => {
                if deed.ended < newest {
                    faults.push(format!("{entry:?} stands behind what began after its end"));
                }
                newest = newest.max(deed.began);
                faults.extend(state.apply(deed, entry));
            }
            _ => faults.push(format!("{entry:?} tells of what nobody did, or twice")),
        }
    }
    let lost = deeds.iter().filter(|deed| acknowledged(deed) && !told.contains(deed.name.as_str()));
    faults.extend(lost.map(|deed| format!("{deed:?} is lost")));
    if state != kept.state {
        faults.push(format!("by the audit log there is {state:?}, and there is {:?}", kept.state));
    }
    if kept.operators == 0 {
        faults.push("there is no operator any more".to_owned());
    }
    (state, faults)
}

impl State {
    fn apply(&mut self, deed: &Deed, entry: &Entry) -> Option<String> {
        let id = entry.object.strip_prefix("key:").unwrap_or_default();
        let other = deed.key_id.as_deref().is_some_and(|known| known != id);
        match deed.work {
            _ if other => return Some(format!("{entry:?} is not of the key of {deed:?}")),
            Work::Issue | Work::Import => {
                let key = Key { user: deed.user.to_owned(), label: deed.name.clone(), revoked: false };
                self.keys.insert(id.to_owned(), key);
            }
            Work::Revoke => match self.keys.get_mut(id) {
                Some(key) => key.revoked = true,
                None => return Some(format!("{entry:?} is of a key that nobody made")),
            },
            Work::Disable => drop(self.disabled.insert(deed.user.to_owned())),
            Work::Enable => drop(self.disabled.remove(deed.user)),
        }
        None
    }

    /// Whether the key lets anybody in that a deed has made.
    fn lets_in(&self, deed: &Deed) -> bool {
        let key = self.keys.values().find(|key| key.label == deed.name);
        key.is_some_and(|key| !key.revoked && !self.disabled.contains(deed.user))
    }
}

impl Office {
    /// Everything that is wrong with the registry in `data`, of which some deeds were acknowledged: the files as they are,
    /// then what a server makes of them.
    pub fn faults(&self, data: &Path, acknowledged: impl Fn(&Deed) -> bool) -> Vec<String> {
        let (stored, kept) = match (Stored::read(data), Kept::read(data)) {
            (Ok(stored), Ok(kept)) => (stored, kept),
            (Err(error), _) | (_, Err(error)) => return vec![error.to_string()],
        };
        let mut faults: Vec<_> = checker::check_rows(&stored).iter().map(|fault| format!("{fault:?}")).collect();
        let deeds = self.deeds();
        let (state, more) = compare(&deeds, self.set_up(), &kept, acknowledged);
        faults.extend(more);
        let verified = self.place.bare_cli(&["audit", "verify", "--data", data.to_str().expect("a plain name")]);
        if verified.code != 0 {
            faults.push(format!("{verified:?}"));
        }
        match scene::launch(&self.place, data).try_start() {
            Ok(server) => faults.extend(sign_ins(&server, &deeds, &state)),
            Err((code, log)) => faults.push(format!("no server starts: {code} {log}")),
        }
        faults
    }
}

/// Tries the newest keys that are known; says which of them do not do as they must.
fn sign_ins(server: &Server, deeds: &[Deed], state: &State) -> Vec<String> {
    let (mut good, mut bad, mut faults) = (0, 0, Vec::new());
    for deed in deeds.iter().rev() {
        let Some(key) = &deed.key else { continue };
        let works = state.lets_in(deed);
        let tried = if works { &mut good } else { &mut bad };
        if *tried == SIGN_INS {
            continue;
        }
        *tried += 1;
        let client = server.client_of(&Login { user: deed.user.to_owned(), key: key.clone() });
        let status = client.get("/rws/api/v1/echo/hello").status;
        if (status == 200) != works {
            faults.push(format!("the key of {deed:?} must let in: {works}, and is answered {status}"));
        }
    }
    faults
}

#[cfg(test)]
mod tests;
