//! A worker that changes keys and users.

use std::io;
use std::sync::atomic::Ordering;

use blackbox::{Client, Request};
use serde_json::json;

use super::{ChangeKind, KeyChange, KeyRegistry, OPERATORS, Outcome, USERS, Workload};
use crate::load::Progress;
use crate::recording::Recording;
use crate::seed::Random;

/// Makes one change after the other.
pub(super) struct Worker<'a> {
    pub(super) registry: &'a KeyRegistry,
    pub(super) workload: &'a Workload<'a>,
    /// The prefix of the names of its changes.
    pub(super) label: String,
    pub(super) random: Random,
    pub(super) progress: &'a Progress,
    /// The client of a worker over HTTP; the others use the command line.
    pub(super) client: Option<Client>,
    /// An operator that this worker has disabled.
    pub(super) disabled: Option<&'static str>,
}

impl Worker<'_> {
    /// Makes all its changes.
    pub(super) fn run(&mut self) {
        let changes = if self.client.is_some() { self.workload.changes } else { self.workload.commands };
        for number in 0..changes {
            if self.progress.over() {
                return;
            }
            let mut change = self.next(format!("{}-{number}", self.label));
            if !self.request_change(&mut change) {
                return self.progress.end();
            }
            if change.kind == ChangeKind::Disable
                && change.outcome != Outcome::Refused
                && OPERATORS.contains(&change.user)
            {
                self.disabled = Some(change.user);
            }
        }
    }

    /// Enables the operator that the workers over HTTP use: an earlier run may have left it disabled.
    pub(super) fn enable_first_operator(&mut self) {
        let is_enabled = (0..100).any(|number| {
            let mut change = KeyChange::new(format!("{}-open-{number}", self.label), ChangeKind::Enable, OPERATORS[0]);
            self.request_change(&mut change);
            change.outcome == Outcome::Done
        });
        assert!(is_enabled, "{} cannot be enabled", OPERATORS[0]);
    }

    fn next(&mut self, name: String) -> KeyChange {
        if let Some(operator) = self.disabled.take() {
            return KeyChange::new(name, ChangeKind::Enable, operator);
        }
        let user = *self.random.pick(&USERS);
        let over_http = self.client.is_some();
        match self.random.within(0..100) {
            0..18 if over_http => {
                let [a, b] = [self.random.number(), self.random.number()];
                let (high, low) = (format!("{a:016x}"), format!("{b:016x}"));
                let key = format!("{}-{}-{}-{}-{}", &high[..8], &high[8..12], &high[12..], &low[..4], &low[4..]);
                KeyChange { key: Some(key), ..KeyChange::new(name, ChangeKind::Import, user) }
            }
            0..45 => KeyChange::new(name, ChangeKind::Issue, user),
            45..75 => match self.registry.known_key(&mut self.random) {
                Some((key_id, user)) => {
                    KeyChange { key_id: Some(key_id), ..KeyChange::new(name, ChangeKind::Revoke, user) }
                }
                None => KeyChange::new(name, ChangeKind::Issue, user),
            },
            75..83 => KeyChange::new(name, ChangeKind::Disable, user),
            83..93 => KeyChange::new(name, ChangeKind::Enable, user),
            93..97 if over_http => KeyChange::new(name, ChangeKind::Enable, OPERATORS[1]),
            _ if over_http => KeyChange::new(name, ChangeKind::Disable, OPERATORS[1]),
            _ => KeyChange::new(name, ChangeKind::Disable, OPERATORS[self.random.within(0..OPERATORS.len())]),
        }
    }

    /// Requests a change and records it; returns whether the server could be reached.
    fn request_change(&mut self, change: &mut KeyChange) -> bool {
        change.began = self.registry.tick();
        let was_sent = match &self.client {
            Some(client) => self.send(client, change),
            None => {
                self.run_command(change);
                true
            }
        };
        if was_sent {
            if change.outcome != Outcome::Unknown {
                change.ended = self.registry.tick();
            }
            self.registry.changes().push(change.clone());
            self.progress.answered.fetch_add(1, Ordering::Relaxed);
        }
        was_sent
    }

    fn send(&self, client: &Client, change: &mut KeyChange) -> bool {
        match client.try_send(self.request(change)) {
            Ok(reply) if reply.status == 200 => {
                change.outcome = Outcome::Done;
                let body = reply.json();
                let text = |key: &str| body[key].as_str().map(str::to_owned);
                change.key_id = text("keyId").or(change.key_id.take());
                change.key = text("key").or(change.key.take());
            }
            Ok(reply) if reply.status < 500 => change.outcome = Outcome::Refused,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return false,
            Ok(_) | Err(_) => {}
        }
        true
    }

    fn request(&self, change: &KeyChange) -> Request {
        let (name, user) = (change.name.as_str(), self.registry.id_of(change.user));
        let keys = Request::new("POST", &format!("/admin/v1/users/{user}/keys"));
        let status = |status: &str| {
            let changes = json!({ "status": status, "reason": name });
            Request::new("PATCH", &format!("/admin/v1/users/{user}")).json(&changes)
        };
        let request = match change.kind {
            ChangeKind::Issue => keys.json(&json!({ "label": name, "reason": name })),
            ChangeKind::Import => keys.json(&json!({ "label": name, "reason": name, "key": change.key })),
            ChangeKind::Revoke => {
                let key = change.key_id.as_deref().expect("a key that is revoked is known");
                Request::new("DELETE", &format!("/admin/v1/keys/{key}?reason={name}"))
            }
            ChangeKind::Disable => status("Disabled"),
            ChangeKind::Enable => status("Active"),
        };
        request.header("X-Request-Id", name)
    }

    fn run_command(&mut self, change: &mut KeyChange) {
        let key = change.key_id.as_deref().unwrap_or_default();
        let (name, user) = (change.name.as_str(), change.user);
        let command: &[&str] = match change.kind {
            ChangeKind::Issue | ChangeKind::Import => &["key", "issue", user, "--label", name],
            ChangeKind::Revoke => &["key", "revoke", "--yes", key],
            ChangeKind::Disable => &["user", "disable", "--yes", user],
            ChangeKind::Enable => &["user", "enable", user],
        };
        let shim = (self.workload.shim)(&mut self.random);
        let ended = shim.run(&self.registry.test_dir, &[command, &["--reason", name]].concat());
        change.outcome = match ended.status.code() {
            Some(0) => Outcome::Done,
            Some(_) => Outcome::Refused,
            // A command reports what it has done, and may be killed after that.
            None if !ended.stderr.is_empty() => Outcome::Done,
            None => Outcome::Unknown,
        };
        let printed = String::from_utf8(ended.stdout).expect("UTF-8");
        if let Some(key) = printed.strip_suffix('\n') {
            change.key_id = key.get(5..21).map(str::to_owned);
            change.key = Some(key.to_owned());
        }
        if let (Outcome::Done, Some(log)) = (change.outcome, self.workload.log) {
            Recording::note_answer(log, &change.name);
        }
    }
}
