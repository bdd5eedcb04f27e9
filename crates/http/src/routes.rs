//! Everything that is served, in one list.

use crate::{
    admin::v1 as admin,
    error, health,
    published::{self, Documents},
    rws::v1,
    sandbox::{self, Control},
};
use axum::{
    Router,
    extract::{FromRef, MatchedPath, Request},
    middleware::{Next, from_fn},
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use carnelian_app::App;
use std::sync::Arc;

/// One thing that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path; what is in braces stands for any text without a slash.
    pub path: &'static str,
    /// The operation's name, the same in every room.
    pub operation: &'static str,
}

macro_rules! routes {
    ($(#[$doc:meta])* $list:ident, $handlers:ident, $state:ty:
     $($method:ident $path:literal => $($module:ident)::+;)*) => {
        $(#[$doc])*
        pub static $list: &[Route] = &[$(
            Route { method: stringify!($method), path: $path, operation: operation(stringify!($($module)::+)) },
        )*];

        fn $handlers() -> Vec<(&'static str, MethodRouter<$state>)> {
            vec![$(($path, on(MethodFilter::$method, $($module)::+)),)*]
        }
    };
}

routes! {
    /// What every server serves.
    ROUTES, handlers, Asked:
    GET "/rws/api/v1/accounts" => v1::accounts::list_accounts;
    GET "/rws/api/v1/accounts/{accountId}" => v1::accounts::get_account;
    GET "/rws/api/v1/customers" => v1::customers::list_customers;
    POST "/rws/api/v1/customers" => v1::customers::create_customer;
    GET "/rws/api/v1/customers/{customerId}" => v1::customers::get_customer;
    PUT "/rws/api/v1/customers/{customerId}" => v1::customers::edit_customer;
    DELETE "/rws/api/v1/customers/{customerId}" => v1::customers::erase_customer;
    GET "/rws/api/v1/echo/{param}" => v1::echo::echo;
    GET "/rws/api/v1/users" => v1::users::list_users;
    GET "/rws/api/v1/users/{userId}" => v1::users::get_user;
    GET "/admin/v1/accounts" => admin::accounts::list_all_accounts;
    POST "/admin/v1/accounts" => admin::accounts::create_account;
    GET "/admin/v1/accounts/{accountId}" => admin::accounts::get_any_account;
    POST "/admin/v1/accounts/{accountId}/erasure" => admin::accounts::request_erasure;
    DELETE "/admin/v1/accounts/{accountId}/erasure" => admin::accounts::cancel_erasure;
    GET "/admin/v1/erasures" => admin::erasures::list_erasures;
    GET "/admin/v1/erasures/{erasureId}" => admin::erasures::get_erasure;
    GET "/admin/v1/groups" => admin::groups::list_groups;
    POST "/admin/v1/groups" => admin::groups::create_group;
    GET "/admin/v1/groups/{groupId}" => admin::groups::get_group;
    PUT "/admin/v1/groups/{groupId}/accounts/{accountId}" => admin::groups::add_to_group;
    DELETE "/admin/v1/groups/{groupId}/accounts/{accountId}" => admin::groups::remove_from_group;
    GET "/admin/v1/users" => admin::users::list_all_users;
    POST "/admin/v1/users" => admin::users::create_user;
    GET "/admin/v1/users/{userId}" => admin::users::get_any_user;
    PATCH "/admin/v1/users/{userId}" => admin::users::edit_user;
    GET "/admin/v1/users/{userId}/keys" => admin::keys::list_keys;
    POST "/admin/v1/users/{userId}/keys" => admin::keys::issue_key;
    DELETE "/admin/v1/keys/{keyId}" => admin::keys::revoke_key;
    GET "/admin/v1/audit" => admin::audit::list_audit;
    GET "/health/live" => health::live;
    GET "/health/ready" => health::ready;
    GET "/openapi.json" => published::openapi;
    GET "/docs" => published::docs;
}

routes! {
    /// What a sandbox serves besides.
    SANDBOX_ROUTES, sandbox_handlers, Arc<Control>:
    POST "/sandbox/v1/reset" => sandbox::reset::reset;
    GET "/sandbox/v1/clock" => sandbox::clock::get_clock;
    PUT "/sandbox/v1/clock" => sandbox::clock::set_clock;
    DELETE "/sandbox/v1/clock" => sandbox::clock::reset_clock;
    GET "/sandbox/v1/faults" => sandbox::faults::list_faults;
    POST "/sandbox/v1/faults" => sandbox::faults::add_fault;
    DELETE "/sandbox/v1/faults" => sandbox::faults::clear_faults;
}

/// Where an empty `{param}` leads: to the same handler, which says what is missing.
const EMPTY_ECHO: &str = "/rws/api/v1/echo/";

/// The last part of a handler's path.
const fn operation(handler: &'static str) -> &'static str {
    let bytes = handler.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b':' && bytes[start - 1] != b' ' {
        start -= 1;
    }
    handler.split_at(start).1
}

/// What handlers can ask for.
#[derive(Clone)]
struct Asked {
    app: Arc<App>,
    documents: Arc<Documents>,
}

impl FromRef<Asked> for Arc<App> {
    fn from_ref(asked: &Asked) -> Arc<App> {
        asked.app.clone()
    }
}

impl FromRef<Asked> for Arc<Documents> {
    fn from_ref(asked: &Asked) -> Arc<Documents> {
        asked.documents.clone()
    }
}

/// The router over what every server serves.
pub(crate) fn router(app: Arc<App>, documents: Arc<Documents>) -> Router {
    let empty_echo = (EMPTY_ECHO, on(MethodFilter::GET, v1::echo::echo));
    over(handlers().into_iter().chain([empty_echo]), Asked { app, documents })
}

/// The router over what a sandbox serves besides.
pub(crate) fn sandbox_router(control: Arc<Control>) -> Router {
    over(sandbox_handlers(), control)
}

fn over<S: Clone + Send + Sync + 'static>(
    handlers: impl IntoIterator<Item = (&'static str, MethodRouter<S>)>,
    state: S,
) -> Router {
    let router = handlers.into_iter().fold(Router::new(), |router, (path, handler)| router.route(path, handler));
    router
        .route_layer(from_fn(note_route))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(state)
}

/// Tells the log which route an answer came from.
async fn note_route(route: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(route);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_s_operation_is_the_name_of_its_handler() {
        let operations: Vec<_> = ROUTES.iter().map(|route| route.operation).collect();
        let expected = [
            ["list_accounts", "get_account"].as_slice(),
            &["list_customers", "create_customer", "get_customer", "edit_customer", "erase_customer"],
            &["echo"],
            &["list_users", "get_user"],
            &["list_all_accounts", "create_account", "get_any_account", "request_erasure", "cancel_erasure"],
            &["list_erasures", "get_erasure"],
            &["list_groups", "create_group", "get_group", "add_to_group", "remove_from_group"],
            &["list_all_users", "create_user", "get_any_user", "edit_user"],
            &["list_keys", "issue_key", "revoke_key"],
            &["list_audit"],
            &["live", "ready"],
            &["openapi", "docs"],
        ];
        assert_eq!(operations, expected.concat());
    }
}
