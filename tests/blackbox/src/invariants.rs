//! The invariants of every response.

use serde_json::Value;

use crate::{Reply, json, problems};

/// Words that would reveal the server's implementation.
const TELLTALES: [&str; 13] = [
    "serde",
    "hyper",
    "axum",
    "tokio",
    "sqlite",
    "rustls",
    "panicked",
    ".rs:",
    "src/",
    "stack backtrace",
    " at line ",
    "unwrap()",
    "constraint",
];

/// The one path that responds with HTML.
const PAGE: &str = "/docs";

/// Asserts the invariants of a response to a request of `method` and `target`.
#[track_caller]
pub fn check(method: &str, target: &str, reply: &Reply) {
    if let Err(broken) = verdict(method, target, reply) {
        panic!("{method} {target:.200}: {broken} in {} {:?} {:.2000}", reply.status, reply.headers, reply.text());
    }
}

fn verdict(method: &str, target: &str, reply: &Reply) -> Result<(), String> {
    let id = reply.header("x-request-id").ok_or("there is no X-Request-Id")?;
    require(!id.is_empty(), "the X-Request-Id is empty")?;
    require(reply.header("cache-control") == Some("no-store"), "a Cache-Control other than no-store")?;
    require(reply.header("x-content-type-options") == Some("nosniff"), "no X-Content-Type-Options: nosniff")?;
    // The result of a job is a file.
    if !reply.body.is_empty() && reply.header("content-disposition").is_none() {
        let is_page = target == PAGE && reply.status == 200;
        let media_type = if is_page { "text/html; charset=utf-8" } else { "application/json" };
        require(reply.header("content-type") == Some(media_type), &format!("the Content-Type is not {media_type}"))?;
    }
    if reply.status >= 400 {
        companion_headers(reply)?;
        if method != "HEAD" {
            envelope(reply)?;
        }
    }
    Ok(())
}

fn companion_headers(reply: &Reply) -> Result<(), String> {
    match reply.status {
        401 => {
            let realm = reply.header("www-authenticate") == Some("Basic realm=\"Carnelian\", charset=\"UTF-8\"");
            require(realm, "WWW-Authenticate is missing or other than promised")
        }
        405 => require(reply.header("allow").is_some_and(|allow| !allow.is_empty()), "there is no Allow"),
        429 | 503 => {
            let after = reply.header("retry-after").and_then(|after| after.parse::<u64>().ok());
            require(after.is_some_and(|after| after > 0), "there is no Retry-After in seconds")
        }
        _ => Ok(()),
    }
}

fn envelope(reply: &Reply) -> Result<(), String> {
    let body: Value = serde_json::from_slice(&reply.body).map_err(|error| format!("no JSON ({error})"))?;
    require(body.is_object(), "the error is no object")?;
    let lowercase = reply.text().to_lowercase();
    for word in TELLTALES {
        require(!lowercase.contains(word), &format!("the word {word:?}"))?;
    }
    let keys = json::keys(reply.text());
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let known = matches!(
        keys[..],
        ["errorMessage"]
            | ["errorMessage", "errorCode"]
            | ["errorMessage", "violations"]
            | ["errorMessage", "errorCode", "violations"]
    );
    require(known, "keys that are not those of an error, or in another order,")?;
    require(body["errorMessage"].is_string(), "an errorMessage that is no string")?;
    require(body.get("errorCode").is_none_or(Value::is_string), "an errorCode that is no string")?;
    require(problems::is_published(reply), "an error that the reference does not list")
}

fn require(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
