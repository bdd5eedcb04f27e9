//! The route table: every method and path that is served, with the name of its operation.
//!
//! Plain data: the handlers of the operations are in [`crate::handlers`] and [`crate::sandbox`], their descriptions in
//! [`crate::openapi`].

use std::borrow::Cow;

/// The path prefix of the original service's API, and of what a sandbox can make fail.
pub(crate) const RWS_PREFIX: &str = "/rws/";

/// The path prefix of administration.
pub(crate) const ADMIN_PREFIX: &str = "/admin/";

/// The path prefix of a sandbox's own operations.
pub(crate) const SANDBOX_PREFIX: &str = "/sandbox/";

/// One operation at one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path template; a name in braces stands for any text without a slash.
    pub path: &'static str,
    /// The name of the operation, the same in every crate.
    pub operation: &'static str,
    /// The keys of its query parameters: a parameter's name, after a dot where others have the same name.
    pub(crate) query: &'static [&'static str],
}

const fn route(method: &'static str, path: &'static str, operation: &'static str) -> Route {
    Route { method, path, operation, query: &[] }
}

impl Route {
    const fn takes(self, query: &'static [&'static str]) -> Route {
        Route { query, ..self }
    }

    /// Whether it has a query parameter of this name.
    pub(crate) fn takes_parameter(&self, name: &str) -> bool {
        self.query.iter().any(|key| parameter_name(key) == name)
    }
}

/// The name of a parameter, by its key.
pub(crate) fn parameter_name(key: &'static str) -> &'static str {
    key.rsplit('.').next().unwrap_or(key)
}

/// The query parameters of a listing that takes no others.
const PAGED: &[&str] = &["pageSize", "pageNumber"];

/// What every server serves.
pub static ROUTES: &[Route] = &[
    route("GET", "/rws/api/v1/accounts", "list_accounts").takes(&["accounts.fields", "pageSize", "pageNumber"]),
    route("GET", "/rws/api/v1/accounts/{accountId}", "get_account").takes(&["accounts.fields"]),
    route("GET", "/rws/api/v1/customers", "list_customers").takes(&[
        "accountName",
        "name",
        "namePrefix",
        "search",
        "modifiedSince",
        "fields",
        "after",
        "pageSize",
        "pageNumber",
    ]),
    route("POST", "/rws/api/v1/customers", "create_customer"),
    route("GET", "/rws/api/v1/customers/{customerId}", "get_customer").takes(&["fields"]),
    route("PUT", "/rws/api/v1/customers/{customerId}", "edit_customer"),
    route("DELETE", "/rws/api/v1/customers/{customerId}", "erase_customer"),
    route("GET", "/rws/api/v1/echo/{param}", "echo"),
    route("GET", "/rws/api/v1/users", "list_users").takes(&["username", "users.fields", "pageSize", "pageNumber"]),
    route("GET", "/rws/api/v1/users/{userId}", "get_user").takes(&["users.fields"]),
    route("GET", "/admin/v1/accounts", "list_all_accounts").takes(&["accounts.accountName", "pageSize", "pageNumber"]),
    route("POST", "/admin/v1/accounts", "create_account"),
    route("GET", "/admin/v1/accounts/{accountId}", "get_any_account"),
    route("POST", "/admin/v1/accounts/{accountId}/erasure", "request_erasure"),
    route("DELETE", "/admin/v1/accounts/{accountId}/erasure", "cancel_erasure").takes(&["reason"]),
    route("GET", "/admin/v1/erasures", "list_erasures").takes(PAGED),
    route("GET", "/admin/v1/erasures/{erasureId}", "get_erasure"),
    route("GET", "/admin/v1/groups", "list_groups").takes(&["groupName", "pageSize", "pageNumber"]),
    route("POST", "/admin/v1/groups", "create_group"),
    route("GET", "/admin/v1/groups/{groupId}", "get_group"),
    route("PUT", "/admin/v1/groups/{groupId}/accounts/{accountId}", "add_to_group").takes(&["reason"]),
    route("DELETE", "/admin/v1/groups/{groupId}/accounts/{accountId}", "remove_from_group").takes(&["reason"]),
    route("GET", "/admin/v1/users", "list_all_users").takes(&["username", "pageSize", "pageNumber"]),
    route("POST", "/admin/v1/users", "create_user"),
    route("GET", "/admin/v1/users/{userId}", "get_any_user"),
    route("PATCH", "/admin/v1/users/{userId}", "edit_user"),
    route("GET", "/admin/v1/users/{userId}/keys", "list_keys").takes(PAGED),
    route("POST", "/admin/v1/users/{userId}/keys", "issue_key"),
    route("GET", "/admin/v1/keys/{keyId}", "get_key"),
    route("DELETE", "/admin/v1/keys/{keyId}", "revoke_key").takes(&["reason"]),
    route("GET", "/admin/v1/settings", "get_settings"),
    route("GET", "/admin/v1/status", "get_status"),
    route("GET", "/admin/v1/audit", "list_audit").takes(&[
        "audit.object",
        "audit.actor",
        "audit.action",
        "audit.accountId",
        "audit.requestId",
        "audit.since",
        "audit.until",
        "audit.order",
        "audit.after",
        "audit.before",
        "pageSize",
    ]),
    route("GET", "/admin/v1/jobs", "list_jobs").takes(PAGED),
    route("POST", "/admin/v1/jobs", "create_job"),
    route("GET", "/admin/v1/jobs/{jobId}", "get_job"),
    route("DELETE", "/admin/v1/jobs/{jobId}", "delete_job").takes(&["reason"]),
    route("POST", "/admin/v1/jobs/{jobId}/cancellation", "cancel_job"),
    route("PUT", "/admin/v1/jobs/{jobId}/input", "put_job_input"),
    route("GET", "/admin/v1/jobs/{jobId}/result", "get_job_result"),
    route("GET", "/health/live", "live"),
    route("GET", "/health/ready", "ready"),
    route("GET", "/openapi.json", "openapi"),
    route("GET", "/docs", "docs"),
];

/// What only a sandbox serves.
pub static SANDBOX_ROUTES: &[Route] = &[
    route("POST", "/sandbox/v1/reset", "reset"),
    route("GET", "/sandbox/v1/clock", "get_clock"),
    route("PUT", "/sandbox/v1/clock", "set_clock"),
    route("DELETE", "/sandbox/v1/clock", "reset_clock"),
    route("GET", "/sandbox/v1/faults", "list_faults"),
    route("POST", "/sandbox/v1/faults", "add_fault"),
    route("DELETE", "/sandbox/v1/faults", "clear_faults"),
];

/// An echo without a text, which has a path of its own; its handler reports that the text is missing.
pub(crate) const EMPTY_ECHO: Route = route("GET", "/rws/api/v1/echo", "echo");

/// The path prefix of the one version of the original service's API.
const V1_PREFIX: &str = "/rws/api/v1/";

/// The path that a request means: below the original service's API, doubled slashes count as one, and one at the end is
/// dropped. Base URLs of clients end in a slash.
pub(crate) fn normalized(path: &str) -> Cow<'_, str> {
    if !path.starts_with(V1_PREFIX) || !(path.ends_with('/') || path.contains("//")) {
        return Cow::Borrowed(path);
    }
    let mut normalized = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !normalized.ends_with('/') {
            normalized.push(character);
        }
    }
    normalized.truncate(normalized.trim_end_matches('/').len());
    Cow::Owned(normalized)
}

/// Whether a path belongs to the API, whose callers must sign in.
pub(crate) fn requires_sign_in(path: &str) -> bool {
    path.starts_with(RWS_PREFIX) || path.starts_with(ADMIN_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_slashes_and_one_at_the_end_mean_the_path_without_them() {
        for (path, meant) in [
            ("/rws/api/v1/customers", "/rws/api/v1/customers"),
            ("/rws/api/v1/customers/", "/rws/api/v1/customers"),
            ("/rws/api/v1//customers", "/rws/api/v1/customers"),
            ("/rws/api/v1///customers//7//", "/rws/api/v1/customers/7"),
            ("/rws/api/v1/", "/rws/api/v1"),
            ("/rws/api/v1/echo/%2F", "/rws/api/v1/echo/%2F"),
        ] {
            assert_eq!(normalized(path), meant, "{path}");
        }
        for other in ["/", "//", "/docs/", "/admin/v1/accounts/", "/rws//api/v1/customers", "//rws/api/v1/customers"] {
            assert_eq!(normalized(other), other);
        }
    }
}
