//! The route table: every method and path that is served, with the name of its operation.
//!
//! Plain data: the handlers of the operations are in [`crate::handlers`] and [`crate::sandbox`], their descriptions in
//! [`crate::openapi`].

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
}

const fn route(method: &'static str, path: &'static str, operation: &'static str) -> Route {
    Route { method, path, operation }
}

/// What every server serves.
pub static ROUTES: &[Route] = &[
    route("GET", "/rws/api/v1/accounts", "list_accounts"),
    route("GET", "/rws/api/v1/accounts/{accountId}", "get_account"),
    route("GET", "/rws/api/v1/customers", "list_customers"),
    route("POST", "/rws/api/v1/customers", "create_customer"),
    route("GET", "/rws/api/v1/customers/{customerId}", "get_customer"),
    route("PUT", "/rws/api/v1/customers/{customerId}", "edit_customer"),
    route("DELETE", "/rws/api/v1/customers/{customerId}", "erase_customer"),
    route("GET", "/rws/api/v1/echo/{param}", "echo"),
    route("GET", "/rws/api/v1/users", "list_users"),
    route("GET", "/rws/api/v1/users/{userId}", "get_user"),
    route("GET", "/admin/v1/accounts", "list_all_accounts"),
    route("POST", "/admin/v1/accounts", "create_account"),
    route("GET", "/admin/v1/accounts/{accountId}", "get_any_account"),
    route("POST", "/admin/v1/accounts/{accountId}/erasure", "request_erasure"),
    route("DELETE", "/admin/v1/accounts/{accountId}/erasure", "cancel_erasure"),
    route("GET", "/admin/v1/erasures", "list_erasures"),
    route("GET", "/admin/v1/erasures/{erasureId}", "get_erasure"),
    route("GET", "/admin/v1/groups", "list_groups"),
    route("POST", "/admin/v1/groups", "create_group"),
    route("GET", "/admin/v1/groups/{groupId}", "get_group"),
    route("PUT", "/admin/v1/groups/{groupId}/accounts/{accountId}", "add_to_group"),
    route("DELETE", "/admin/v1/groups/{groupId}/accounts/{accountId}", "remove_from_group"),
    route("GET", "/admin/v1/users", "list_all_users"),
    route("POST", "/admin/v1/users", "create_user"),
    route("GET", "/admin/v1/users/{userId}", "get_any_user"),
    route("PATCH", "/admin/v1/users/{userId}", "edit_user"),
    route("GET", "/admin/v1/users/{userId}/keys", "list_keys"),
    route("POST", "/admin/v1/users/{userId}/keys", "issue_key"),
    route("DELETE", "/admin/v1/keys/{keyId}", "revoke_key"),
    route("GET", "/admin/v1/audit", "list_audit"),
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
pub(crate) const EMPTY_ECHO: Route = route("GET", "/rws/api/v1/echo/", "echo");

/// Whether a path belongs to the API, whose callers must sign in.
pub(crate) fn requires_sign_in(path: &str) -> bool {
    path.starts_with(RWS_PREFIX) || path.starts_with(ADMIN_PREFIX)
}
