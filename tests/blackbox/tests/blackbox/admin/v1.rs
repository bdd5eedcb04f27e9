//! Everything below `/admin/v1`.

mod access;
mod accounts;
mod audit;
mod bodies;
mod erasures;
mod groups;
mod job_files;
pub(crate) mod jobs;
mod keys;
mod status;
mod users;

use blackbox::{Client, Reply, Request};
use serde_json::Value;

/// Where all of it is.
const ADMIN: &str = "/admin/v1";

fn get(client: &Client, path: &str) -> Reply {
    client.get(&format!("{ADMIN}/{path}"))
}

fn post(client: &Client, path: &str, body: &Value) -> Reply {
    client.send(Request::new("POST", &format!("{ADMIN}/{path}")).json(body))
}

fn patch(client: &Client, path: &str, body: &Value) -> Reply {
    client.send(Request::new("PATCH", &format!("{ADMIN}/{path}")).json(body))
}

fn put(client: &Client, path: &str) -> Reply {
    client.send(Request::new("PUT", &format!("{ADMIN}/{path}")))
}

fn delete(client: &Client, path: &str) -> Reply {
    client.send(Request::new("DELETE", &format!("{ADMIN}/{path}")))
}

/// The text under a key of a successful answer.
#[track_caller]
fn text(reply: &Reply, key: &str) -> String {
    let body = reply.must_succeed(key).json();
    body[key].as_str().unwrap_or_else(|| panic!("no {key} in {body}")).to_owned()
}

/// The id of a user, by its name.
#[track_caller]
fn user_id(client: &Client, name: &str) -> String {
    id_of(client, "users", ["username", "userId"], name)
}

/// The id of an account, by its name.
#[track_caller]
fn account_id(client: &Client, name: &str) -> String {
    id_of(client, "accounts", ["accountName", "accountId"], name)
}

#[track_caller]
fn id_of(client: &Client, what: &str, [key, id]: [&str; 2], name: &str) -> String {
    let listing = get(client, what).json();
    let entries = listing[what].as_array().expect("a listing has entries");
    let entry = entries.iter().find(|entry| entry[key] == name).unwrap_or_else(|| panic!("no {name} in {listing}"));
    entry[id].as_str().expect("an id is a text").to_owned()
}

/// The last entries of the audit log, the newest first.
fn newest(client: &Client, count: usize) -> Vec<Value> {
    let entries = get(client, "audit").json()["entries"].as_array().expect("entries").clone();
    entries.into_iter().rev().take(count).collect()
}
