//! The responses that the tests have received: one line per method, path template, status, code and text.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use crate::{Reply, reference};

/// A response that a test has received.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The method of the request.
    pub method: String,
    /// The template of the request's path.
    pub route: String,
    /// The status of the response.
    pub status: u16,
    /// The `errorCode`, if there was one.
    pub code: Option<String>,
    /// The `errorMessage`, if there was one.
    pub message: Option<String>,
}

/// The path templates of the API.
const FORMS: [&str; 33] = [
    "/rws/api/v1/accounts",
    "/rws/api/v1/accounts/{accountId}",
    "/rws/api/v1/customers",
    "/rws/api/v1/customers/{customerId}",
    "/rws/api/v1/echo/{param}",
    "/rws/api/v1/users",
    "/rws/api/v1/users/{userId}",
    "/admin/v1/accounts",
    "/admin/v1/accounts/{accountId}",
    "/admin/v1/accounts/{accountId}/erasure",
    "/admin/v1/erasures",
    "/admin/v1/erasures/{erasureId}",
    "/admin/v1/groups",
    "/admin/v1/groups/{groupId}",
    "/admin/v1/groups/{groupId}/accounts/{accountId}",
    "/admin/v1/users",
    "/admin/v1/users/{userId}",
    "/admin/v1/users/{userId}/keys",
    "/admin/v1/keys/{keyId}",
    "/admin/v1/settings",
    "/admin/v1/audit",
    "/admin/v1/jobs",
    "/admin/v1/jobs/{jobId}",
    "/admin/v1/jobs/{jobId}/cancellation",
    "/admin/v1/jobs/{jobId}/input",
    "/admin/v1/jobs/{jobId}/result",
    "/health/live",
    "/health/ready",
    "/openapi.json",
    "/docs",
    "/sandbox/v1/reset",
    "/sandbox/v1/clock",
    "/sandbox/v1/faults",
];

/// The folder that holds the hits: `CARNELIAN_TEST_HITS`, or `target/blackbox-hits` in the workspace.
pub fn folder() -> PathBuf {
    let folder = std::env::var_os("CARNELIAN_TEST_HITS").map_or_else(|| "target/blackbox-hits".into(), PathBuf::from);
    reference::workspace().join(folder)
}

/// A target of the API without doubled slashes and without one at the end of its path.
fn normalized(target: &str) -> String {
    if !target.starts_with("/rws/api/v1/") {
        return target.to_owned();
    }
    let path = target.split('?').next().unwrap_or_default();
    path.split('/').filter(|segment| !segment.is_empty()).map(|segment| format!("/{segment}")).collect()
}

/// Records a response, once per process.
pub fn record(method: &str, target: &str, reply: &Reply) {
    static SEEN: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
    let normalized = normalized(target);
    let target = normalized.as_str();
    let form = FORMS.iter().find(|form| reference::matches(form, target)).copied();
    // An unknown path is recorded as it is if it was served, and as a dash if it was refused.
    let form = form.unwrap_or(if reply.status < 400 { target } else { "-" });
    let (code, message) = if reply.status < 400 { (None, None) } else { (reply.code(), reply.message()) };
    let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
    let line = format!("{method}\t{form}\t{}\t{code}\t{message}\n", reply.status);
    let mut seen = SEEN.get_or_init(Mutex::default).lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if seen.insert(line.clone()) {
        append(&line);
    }
}

/// Every recorded response.
pub fn all() -> Vec<Hit> {
    let Ok(entries) = fs::read_dir(folder()) else { return Vec::new() };
    let pages = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    pages.flat_map(|page| page.lines().filter_map(parse).collect::<Vec<_>>()).collect()
}

fn append(line: &str) {
    fs::create_dir_all(folder()).expect("the folder of hits can be made");
    let path = folder().join(format!("{}.tsv", std::process::id()));
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("a hit can be recorded");
}

fn parse(line: &str) -> Option<Hit> {
    let [method, route, status, code, message] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let present = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Some(Hit {
        method: method.to_owned(),
        route: route.to_owned(),
        status: status.parse().ok()?,
        code: present(code),
        message: present(message),
    })
}
