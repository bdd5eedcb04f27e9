//! From a path and a method to a handler.

use crate::{error::ApiError, response::Response, routes::Route};
use carnelian_domain::Problem;
use hyper::{
    Method,
    header::{ALLOW, HeaderValue},
};
use percent_encoding::percent_decode_str;
use std::{array, collections::BTreeMap};

/// The handlers of one path template, by method.
pub(crate) struct Resource<H> {
    /// The path template.
    pub(crate) template: &'static str,
    handlers: Vec<(Method, Route, H)>,
}

/// The texts of a path that stand for its template's parameters, decoded: `None` for an absent one and for one that is
/// not UTF-8.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathParameters([Option<String>; PathParameters::MAX]);

impl PathParameters {
    /// The most parameters that a template has.
    pub(crate) const MAX: usize = 2;

    fn decode<'a>(mut encoded: impl Iterator<Item = &'a str>) -> PathParameters {
        let decode = |text| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        PathParameters(array::from_fn(|_| encoded.next().and_then(decode)))
    }

    /// A parameter; the first one has index 0.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        self.0.get(index)?.as_deref()
    }
}

/// Maps paths to resources.
pub(crate) struct Router<H>(matchit::Router<Resource<H>>);

impl<H> Router<H> {
    /// A router of these routes; panics if two templates match the same paths.
    pub(crate) fn new<'a>(routes: impl IntoIterator<Item = (&'a Route, H)>) -> Router<H> {
        let mut resources = BTreeMap::new();
        for (route, handler) in routes {
            let new = || Resource { template: route.path, handlers: Vec::new() };
            let method = Method::from_bytes(route.method.as_bytes()).expect("a route has a valid method");
            resources.entry(route.path).or_insert_with(new).handlers.push((method, *route, handler));
        }
        let mut router = matchit::Router::new();
        for (template, resource) in resources {
            router.insert(template, resource).expect("no two templates match the same paths");
        }
        Router(router)
    }

    /// The resource at a path, with the path's parameters.
    pub(crate) fn find(&self, path: &str) -> Option<(&Resource<H>, PathParameters)> {
        let found = self.0.at(path).ok()?;
        Some((found.value, PathParameters::decode(found.params.iter().map(|(_, text)| text))))
    }
}

impl<H> Resource<H> {
    /// The route and the handler of a method. `HEAD` has those of `GET`; the server omits the body.
    pub(crate) fn handler(&self, method: &Method) -> Option<(&Route, &H)> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.handlers.iter().find(|(served, ..)| served == method).map(|(_, route, handler)| (route, handler))
    }

    /// The response to a method without a handler.
    pub(crate) fn method_not_allowed(&self) -> Response {
        let allowed: Vec<_> = self.handlers.iter().map(|(method, ..)| methods_answered_by(method)).collect();
        let mut response = ApiError::from(Problem::MethodNotAllowed).into_response();
        let allowed = HeaderValue::try_from(allowed.join(",")).expect("method names are valid header values");
        response.headers_mut().insert(ALLOW, allowed);
        response
    }
}

/// The methods that the handler of a method answers.
fn methods_answered_by(method: &Method) -> &str {
    if method == Method::GET { "GET,HEAD" } else { method.as_str() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{ROUTES, SANDBOX_ROUTES};

    #[test]
    fn every_parameter_of_a_template_is_kept() {
        for route in ROUTES.iter().chain(SANDBOX_ROUTES) {
            assert!(route.path.matches('{').count() <= PathParameters::MAX, "{}", route.path);
        }
    }
}
