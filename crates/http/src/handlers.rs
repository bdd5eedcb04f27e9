//! The handler of every operation.

use crate::{
    admin::v1 as admin,
    context::{Identity, RequestContext},
    error::ApiError,
    health,
    published::{self, Documents},
    response::Response,
    router::Router,
    routes::{EMPTY_ECHO, ROUTES, Route},
    rws::v1,
};
use std::{future::Future, pin::Pin};

/// The future of a handler.
pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>;

/// A handler, by what it needs.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Needs a signed-in caller.
    SignedIn(fn(RequestContext, Identity) -> HandlerFuture),
    /// Needs a signed-in caller and one of the caller's slots for listings.
    Listing(fn(RequestContext, Identity) -> HandlerFuture),
    /// Needs no caller.
    Public(fn(RequestContext) -> HandlerFuture),
    /// Responds with a published document.
    Document(fn(&Documents) -> Response),
}

macro_rules! signed_in {
    ($($path:ident)::+) => {
        (last_segment(stringify!($($path)::+)), Handler::SignedIn(|request, identity| Box::pin($($path)::+(request, identity))))
    };
}

macro_rules! listing {
    ($($path:ident)::+) => {
        (last_segment(stringify!($($path)::+)), Handler::Listing(|request, identity| Box::pin($($path)::+(request, identity))))
    };
}

macro_rules! public {
    ($($path:ident)::+) => {
        (last_segment(stringify!($($path)::+)), Handler::Public(|request| Box::pin($($path)::+(request))))
    };
}

macro_rules! document {
    ($($path:ident)::+) => {
        (last_segment(stringify!($($path)::+)), Handler::Document($($path)::+))
    };
}

/// Every operation with its handler, which has the operation's name.
const HANDLERS: &[(&str, Handler)] = &[
    listing!(v1::accounts::list_accounts),
    signed_in!(v1::accounts::get_account),
    listing!(v1::customers::list_customers),
    signed_in!(v1::customers::create_customer),
    signed_in!(v1::customers::get_customer),
    signed_in!(v1::customers::edit_customer),
    signed_in!(v1::customers::erase_customer),
    signed_in!(v1::echo::echo),
    listing!(v1::users::list_users),
    signed_in!(v1::users::get_user),
    listing!(admin::accounts::list_all_accounts),
    signed_in!(admin::accounts::create_account),
    signed_in!(admin::accounts::get_any_account),
    signed_in!(admin::accounts::request_erasure),
    signed_in!(admin::accounts::cancel_erasure),
    listing!(admin::erasures::list_erasures),
    signed_in!(admin::erasures::get_erasure),
    listing!(admin::groups::list_groups),
    signed_in!(admin::groups::create_group),
    signed_in!(admin::groups::get_group),
    signed_in!(admin::groups::add_to_group),
    signed_in!(admin::groups::remove_from_group),
    listing!(admin::users::list_all_users),
    signed_in!(admin::users::create_user),
    signed_in!(admin::users::get_any_user),
    signed_in!(admin::users::edit_user),
    listing!(admin::keys::list_keys),
    signed_in!(admin::keys::issue_key),
    signed_in!(admin::keys::get_key),
    signed_in!(admin::keys::revoke_key),
    signed_in!(admin::settings::get_settings),
    signed_in!(admin::status::get_status),
    listing!(admin::audit::list_audit),
    listing!(admin::jobs::list_jobs),
    signed_in!(admin::jobs::create_job),
    signed_in!(admin::jobs::get_job),
    signed_in!(admin::jobs::delete_job),
    signed_in!(admin::jobs::cancel_job),
    signed_in!(admin::jobs::put_job_input),
    signed_in!(admin::jobs::get_job_result),
    public!(health::live),
    public!(health::ready),
    document!(published::openapi),
    document!(published::docs),
];

/// The last segment of a path, which is the name of the function.
const fn last_segment(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b':' && bytes[start - 1] != b' ' {
        start -= 1;
    }
    path.split_at(start).1
}

/// The router of every server's operations.
pub(crate) fn router() -> Router<Handler> {
    Router::new(ROUTES.iter().chain([&EMPTY_ECHO]).map(|route| (route, handler_of(route))))
}

fn handler_of(route: &Route) -> Handler {
    let found = HANDLERS.iter().find(|(operation, _)| *operation == route.operation);
    found.expect("a test checks that every operation has a handler").1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::requires_sign_in;

    #[test]
    fn every_operation_has_a_handler_and_every_handler_an_operation() {
        let operations: Vec<_> = ROUTES.iter().map(|route| route.operation).collect();
        let handlers: Vec<_> = HANDLERS.iter().map(|(operation, _)| *operation).collect();
        assert_eq!(operations, handlers);
    }

    #[test]
    fn every_listing_needs_a_slot() {
        for route in ROUTES {
            let is_limited = matches!(handler_of(route), Handler::Listing(_));
            assert_eq!(is_limited, route.operation.starts_with("list_"), "{}", route.path);
        }
    }

    #[test]
    fn a_handler_needs_a_caller_exactly_where_callers_sign_in() {
        for route in ROUTES {
            let needs_caller = matches!(handler_of(route), Handler::SignedIn(_) | Handler::Listing(_));
            assert_eq!(needs_caller, requires_sign_in(route.path), "{}", route.path);
        }
    }
}
