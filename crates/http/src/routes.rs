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
    extract::{FromRef, Request},
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use carnelian_app::App;
use std::{collections::BTreeSet, sync::Arc};
use tower::Service;

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

/// What answers requests, and which route a path belongs to.
pub(crate) struct Routes {
    router: Router,
    templates: matchit::Router<&'static str>,
}

impl Routes {
    /// What every server serves.
    pub(crate) fn of_registry(app: Arc<App>, documents: Arc<Documents>) -> Routes {
        let empty_echo = (EMPTY_ECHO, on(MethodFilter::GET, v1::echo::echo));
        Routes::new(handlers().into_iter().chain([empty_echo]), Asked { app, documents })
    }

    /// What a sandbox serves besides.
    pub(crate) fn of_sandbox(control: Arc<Control>) -> Routes {
        Routes::new(sandbox_handlers(), control)
    }

    fn new<S: Clone + Send + Sync + 'static>(
        handlers: impl IntoIterator<Item = (&'static str, MethodRouter<S>)>,
        state: S,
    ) -> Routes {
        let (mut router, mut paths) = (Router::new(), BTreeSet::new());
        for (path, handler) in handlers {
            router = router.route(path, handler);
            paths.insert(path);
        }
        let mut templates = matchit::Router::new();
        paths.into_iter().try_for_each(|path| templates.insert(path, path)).expect("the router takes them as well");
        let router = router.fallback(error::not_found).method_not_allowed_fallback(error::method_not_allowed);
        Routes { router: router.with_state(state), templates }
    }

    /// The path of the route that a path belongs to, with its parameters in braces; for the log.
    pub(crate) fn template_of(&self, path: &str) -> Option<&'static str> {
        self.templates.at(path).ok().map(|found| *found.value)
    }

    /// Has the handler of a request answer it.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        let Ok(response) = self.router.clone().call(request).await;
        response
    }
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
