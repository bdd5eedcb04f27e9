//! What handlers take.

use crate::error::ApiError;
use axum::extract::{FromRequestParts, Path};
use carnelian_app::{Failure, failure::Internal};
use carnelian_domain::{Caller, Origin};
use hyper::{HeaderMap, body::Bytes, http::request::Parts};
use std::convert::Infallible;

/// What the pipeline has found out about a request before its handler runs.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Who calls; nobody outside the API's paths.
    pub(crate) caller: Option<Caller>,
    /// Where the request comes from, if somebody calls.
    pub(crate) origin: Option<Origin>,
    /// The whole body.
    pub(crate) body: Bytes,
}

/// The caller: a handler that takes one runs only for someone who is signed in.
pub(crate) struct SignedIn(pub(crate) Caller);

/// Where the request comes from, for the audit log: there is an origin exactly if there is a caller.
pub(crate) struct RequestOrigin(pub(crate) Origin);

/// The whole body.
pub(crate) struct WholeBody(pub(crate) Bytes);

/// The header fields.
pub(crate) struct Headers(pub(crate) HeaderMap);

/// The path's two parameters, in their order, each as [`PathText`] has it.
pub(crate) struct PathPair(pub(crate) Option<String>, pub(crate) Option<String>);

/// The path's one parameter, decoded; `None` if there is none or it is not UTF-8.
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
        Ok(WholeBody(received.map(|received| std::mem::take(&mut received.body)).unwrap_or_default()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Headers {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Headers, Infallible> {
        Ok(Headers(std::mem::take(&mut parts.headers)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathPair {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathPair, ApiError> {
        let found = Path::<(String, String)>::from_request_parts(parts, state).await.ok();
        let (first, second) = found.map(|Path(pair)| pair).unzip();
        Ok(PathPair(first, second))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathText, ApiError> {
        Ok(PathText(Path::<String>::from_request_parts(parts, state).await.ok().map(|Path(text)| text)))
    }
}
