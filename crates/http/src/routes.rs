//! Everything that is served, in one list.

use crate::{
    admin::v1 as admin,
    error::ApiError,
    extract::PathTexts,
    health,
    published::{self, Documents},
    rws::v1,
    sandbox::{self, Control},
};
use axum::{
    extract::{FromRef, Request},
    handler::Handler,
    response::{IntoResponse, Response},
};
use carnelian_app::App;
use carnelian_domain::Problem;
use hyper::{
    Method,
    header::{ALLOW, HeaderValue},
};
use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

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

        fn $handlers(state: &$state) -> Vec<(&'static str, Method, Endpoint)> {
            vec![$(($path, Method::$method, endpoint($($module)::+, state)),)*]
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

/// An answer on its way.
type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Has one handler answer a request.
type Endpoint = Box<dyn Fn(Request) -> Answer + Send + Sync>;

fn endpoint<T, S, H>(handler: H, state: &S) -> Endpoint
where
    S: Clone + Send + Sync + 'static,
    H: Handler<T, S, Future = Answer> + Sync,
{
    let state = state.clone();
    Box::new(move |request| handler.clone().call(request, state.clone()))
}

/// What can be asked of the paths of one form.
pub(crate) struct Resource {
    /// That form: its parameters stand in braces.
    pub(crate) template: &'static str,
    endpoints: Vec<(Method, Endpoint)>,
}

/// The resources that are served.
pub(crate) struct Routes(matchit::Router<Resource>);

impl Routes {
    /// What every server serves.
    pub(crate) fn of_registry(app: Arc<App>, documents: Arc<Documents>) -> Routes {
        let asked = Asked { app, documents };
        let empty_echo = (EMPTY_ECHO, Method::GET, endpoint(v1::echo::echo, &asked));
        Routes::new(handlers(&asked).into_iter().chain([empty_echo]))
    }

    /// What a sandbox serves besides.
    pub(crate) fn of_sandbox(control: &Arc<Control>) -> Routes {
        Routes::new(sandbox_handlers(control))
    }

    fn new(endpoints: impl IntoIterator<Item = (&'static str, Method, Endpoint)>) -> Routes {
        let mut resources = BTreeMap::new();
        for (template, method, endpoint) in endpoints {
            let resource = resources.entry(template).or_insert_with(|| Resource { template, endpoints: Vec::new() });
            resource.endpoints.push((method, endpoint));
        }
        let mut routes = matchit::Router::new();
        let mut inserted = resources.into_iter().map(|(template, resource)| routes.insert(template, resource));
        inserted.try_for_each(|inserted| inserted).expect("no two templates are of the same form");
        Routes(routes)
    }

    /// What a path leads to, if anything is served there.
    pub(crate) fn at(&self, path: &str) -> Option<Found<'_>> {
        let found = self.0.at(path).ok()?;
        Some(Found { resource: found.value, texts: PathTexts::of(found.params.iter().map(|(_, text)| text)) })
    }
}

/// What a path leads to.
pub(crate) struct Found<'a> {
    pub(crate) resource: &'a Resource,
    /// What stands in the path for the template's parameters.
    pub(crate) texts: PathTexts,
}

impl Resource {
    /// Has the handler of a request answer it.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        match self.endpoint(request.method()) {
            Some(endpoint) => endpoint(request).await,
            None => self.refuse(),
        }
    }

    fn endpoint(&self, method: &Method) -> Option<&Endpoint> {
        // `HEAD` asks for the head of what `GET` gets; the server leaves the body away.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.endpoints.iter().find(|(served, _)| served == method).map(|(_, endpoint)| endpoint)
    }

    /// Answers a method that is not served here.
    fn refuse(&self) -> Response {
        let allowed: Vec<_> = self.endpoints.iter().map(|(method, _)| answered_like(method)).collect();
        let mut response = ApiError::from(Problem::MethodNotAllowed).into_response();
        let allowed = HeaderValue::try_from(allowed.join(",")).expect("names of methods");
        response.headers_mut().insert(ALLOW, allowed);
        response
    }
}

/// The methods that the handler of a method answers.
fn answered_like(method: &Method) -> &str {
    if method == Method::GET { "GET,HEAD" } else { method.as_str() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_of_a_path_is_kept() {
        for route in ROUTES.iter().chain(SANDBOX_ROUTES) {
            assert!(route.path.matches('{').count() <= PathTexts::KEPT, "{}", route.path);
        }
    }

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
