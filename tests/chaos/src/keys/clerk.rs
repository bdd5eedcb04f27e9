//! One of those who work on keys and users.

use std::io;
use std::sync::atomic::Ordering;

use blackbox::{Client, Request};
use serde_json::json;

use super::{Deed, OPERATORS, Office, Shift, Told, USERS, Work};
use crate::load::Progress;
use crate::recording::Recording;
use crate::seed::Random;

/// Does one deed after the other.
pub(super) struct Clerk<'a> {
    pub(super) office: &'a Office,
    pub(super) shift: &'a Shift<'a>,
    /// What the deeds are named after.
    pub(super) label: String,
    pub(super) random: Random,
    pub(super) progress: &'a Progress,
    /// The client of who works over HTTP; the others use the command line.
    pub(super) client: Option<Client>,
    /// An operator whom this clerk has disabled.
    pub(super) disabled: Option<&'static str>,
}

impl Clerk<'_> {
    /// Works until there was enough of it.
    pub(super) fn run(&mut self) {
        let deeds = if self.client.is_some() { self.shift.deeds } else { self.shift.deeds / 3 };
        for number in 0..deeds {
            if self.progress.over() {
                return;
            }
            let mut deed = self.next(format!("{}-{number}", self.label));
            if !self.ask(&mut deed) {
                return self.progress.end();
            }
            if deed.work == Work::Disable && deed.told != Told::Refused && OPERATORS.contains(&deed.user) {
                self.disabled = Some(deed.user);
            }
        }
    }

    /// Makes sure that the one can sign in who works over HTTP: an earlier shift may have ended otherwise.
    pub(super) fn let_opal_in(&mut self) {
        let is_in = (0..100).any(|number| {
            let mut deed = Deed::new(format!("{}-open-{number}", self.label), Work::Enable, OPERATORS[0]);
            self.ask(&mut deed);
            deed.told == Told::Done
        });
        assert!(is_in, "{} cannot be enabled", OPERATORS[0]);
    }

    fn next(&mut self, name: String) -> Deed {
        if let Some(operator) = self.disabled.take() {
            return Deed::new(name, Work::Enable, operator);
        }
        let user = *self.random.pick(&USERS);
        let over_http = self.client.is_some();
        match self.random.within(0..100) {
            0..18 if over_http => {
                let [a, b] = [self.random.number(), self.random.number()];
                let (high, low) = (format!("{a:016x}"), format!("{b:016x}"));
                let key = format!("{}-{}-{}-{}-{}", &high[..8], &high[8..12], &high[12..], &low[..4], &low[4..]);
                Deed { key: Some(key), ..Deed::new(name, Work::Import, user) }
            }
            0..45 => Deed::new(name, Work::Issue, user),
            45..75 => match self.office.known_key(&mut self.random) {
                Some((key_id, user)) => Deed { key_id: Some(key_id), ..Deed::new(name, Work::Revoke, user) },
                None => Deed::new(name, Work::Issue, user),
            },
            75..83 => Deed::new(name, Work::Disable, user),
            83..93 => Deed::new(name, Work::Enable, user),
            93..97 if over_http => Deed::new(name, Work::Enable, OPERATORS[1]),
            _ if over_http => Deed::new(name, Work::Disable, OPERATORS[1]),
            _ => Deed::new(name, Work::Disable, OPERATORS[self.random.within(0..OPERATORS.len())]),
        }
    }

    /// Asks for a deed and remembers it; says whether there was somebody to ask.
    fn ask(&mut self, deed: &mut Deed) -> bool {
        deed.began = self.office.tick();
        let asked = match &self.client {
            Some(client) => self.ask_server(client, deed),
            None => {
                self.run_command(deed);
                true
            }
        };
        if asked {
            if deed.told != Told::Nothing {
                deed.ended = self.office.tick();
            }
            self.office.deeds().push(deed.clone());
            self.progress.answered.fetch_add(1, Ordering::Relaxed);
        }
        asked
    }

    fn ask_server(&self, client: &Client, deed: &mut Deed) -> bool {
        match client.try_send(self.request(deed)) {
            Ok(reply) if reply.status == 200 => {
                deed.told = Told::Done;
                let body = reply.json();
                let text = |key: &str| body[key].as_str().map(str::to_owned);
                deed.key_id = text("keyId").or(deed.key_id.take());
                deed.key = text("key").or(deed.key.take());
            }
            Ok(reply) if reply.status < 500 => deed.told = Told::Refused,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return false,
            Ok(_) | Err(_) => {}
        }
        true
    }

    fn request(&self, deed: &Deed) -> Request {
        let (name, user) = (deed.name.as_str(), self.office.id_of(deed.user));
        let keys = Request::new("POST", &format!("/admin/v1/users/{user}/keys"));
        let status = |status: &str| {
            let changes = json!({ "status": status, "reason": name });
            Request::new("PATCH", &format!("/admin/v1/users/{user}")).json(&changes)
        };
        let request = match deed.work {
            Work::Issue => keys.json(&json!({ "label": name, "reason": name })),
            Work::Import => keys.json(&json!({ "label": name, "reason": name, "key": deed.key })),
            Work::Revoke => {
                let key = deed.key_id.as_deref().expect("a key that is revoked is known");
                Request::new("DELETE", &format!("/admin/v1/keys/{key}?reason={name}"))
            }
            Work::Disable => status("DISABLED"),
            Work::Enable => status("ENABLED"),
        };
        request.header("X-Request-Id", name)
    }

    fn run_command(&mut self, deed: &mut Deed) {
        let key = deed.key_id.as_deref().unwrap_or_default();
        let (name, user) = (deed.name.as_str(), deed.user);
        let command: &[&str] = match deed.work {
            Work::Issue | Work::Import => &["key", "issue", user, "--label", name],
            Work::Revoke => &["key", "revoke", key],
            Work::Disable => &["user", "disable", user],
            Work::Enable => &["user", "enable", user],
        };
        let shim = (self.shift.shim)(&mut self.random);
        let ended = shim.run(&self.office.place, &[command, &["--reason", name]].concat());
        deed.told = match ended.status.code() {
            Some(0) => Told::Done,
            Some(_) => Told::Refused,
            // It says what it has done, and may be killed after that.
            None if !ended.stderr.is_empty() => Told::Done,
            None => Told::Nothing,
        };
        let printed = String::from_utf8(ended.stdout).expect("UTF-8");
        if let Some(key) = printed.strip_suffix('\n') {
            deed.key_id = key.get(5..21).map(str::to_owned);
            deed.key = Some(key.to_owned());
        }
        if let (Told::Done, Some(log)) = (deed.told, self.shift.log) {
            Recording::note_answer(log, &deed.name);
        }
    }
}
