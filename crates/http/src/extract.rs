//! What handlers take.

use crate::error::ApiError;
use axum::extract::FromRequestParts;
use carnelian_app::{Failure, failure::Internal};
use carnelian_domain::{Caller, Origin};
use hyper::{HeaderMap, body::Bytes, http::request::Parts};
use percent_encoding::percent_decode_str;
use std::{array, convert::Infallible, mem};

/// What the pipeline has found out about a request before its handler runs.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Who calls; nobody outside the API's paths.
    pub(crate) caller: Option<Caller>,
    /// Where the request comes from, if somebody calls.
    pub(crate) origin: Option<Origin>,
    /// The whole body.
    pub(crate) body: Bytes,
    /// What the path said.
    pub(crate) texts: PathTexts,
}

/// What stands in a path for the parameters of its route, decoded: `None` where there is nothing, or it is not UTF-8.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathTexts([Option<String>; PathTexts::KEPT]);

impl PathTexts {
    /// The most parameters that a route has.
    pub(crate) const KEPT: usize = 2;

    /// Decodes them.
    pub(crate) fn of<'a>(mut encoded: impl Iterator<Item = &'a str>) -> PathTexts {
        let decode = |text| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        PathTexts(array::from_fn(|_| encoded.next().and_then(decode)))
    }
}

/// The caller: a handler that takes one runs only for someone who is signed in.
pub(crate) struct SignedIn(pub(crate) Caller);

/// Where the request comes from, for the audit log: there is an origin exactly if there is a caller.
pub(crate) struct RequestOrigin(pub(crate) Origin);

/// The whole body.
pub(crate) struct WholeBody(pub(crate) Bytes);

/// The header fields; they are taken out of the request, so whoever else wants to see some comes before.
pub(crate) struct Headers(pub(crate) HeaderMap);

/// The path's two parameters, in their order.
pub(crate) struct PathPair(pub(crate) Option<String>, pub(crate) Option<String>);

/// The path's one parameter.
pub(crate) struct PathText(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<SignedIn, ApiError> {
        let caller = parts.extensions.get_mut::<Received>().and_then(|received| received.caller.take());
        caller.map(SignedIn).ok_or_else(|| unsigned().into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestOrigin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<RequestOrigin, ApiError> {
        let origin = parts.extensions.get_mut::<Received>().and_then(|received| received.origin.take());
        origin.map(RequestOrigin).ok_or_else(|| unsigned().into())
    }
}

fn unsigned() -> Failure {
    Failure::Internal(Internal::new("a route of the API was reached without a caller"))
}

impl<S: Send + Sync> FromRequestParts<S> for WholeBody {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<WholeBody, ApiError> {
        let received = parts.extensions.get_mut::<Received>();
        Ok(WholeBody(received.map(|received| mem::take(&mut received.body)).unwrap_or_default()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Headers {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Headers, Infallible> {
        Ok(Headers(mem::take(&mut parts.headers)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathPair {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<PathPair, Infallible> {
        let PathTexts([first, second]) = take_texts(parts);
        Ok(PathPair(first, second))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<PathText, Infallible> {
        let PathTexts([text, _]) = take_texts(parts);
        Ok(PathText(text))
    }
}

fn take_texts(parts: &mut Parts) -> PathTexts {
    parts.extensions.get_mut::<Received>().map(|received| mem::take(&mut received.texts)).unwrap_or_default()
}
