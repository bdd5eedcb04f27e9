//! What handlers receive.

use crate::{query::Query, router::PathParameters};
use carnelian_app::{App, jobs::JobUpload};
use carnelian_domain::{Caller, Origin};
use hyper::{HeaderMap, body::Bytes, http::request::Parts};
use std::sync::Arc;

/// A request that has passed every step of the pipeline.
pub(crate) struct RequestContext {
    /// The registry that the request is for.
    pub(crate) app: Arc<App>,
    /// Method, target and header fields.
    pub(crate) head: Parts,
    /// The parameters in the path.
    pub(crate) path: PathParameters,
    /// The whole body, unless it is a file.
    pub(crate) body: Bytes,
    /// The file that was received in the place of a body.
    pub(crate) upload: Option<JobUpload>,
}

impl RequestContext {
    /// The header fields.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The parameters in the query.
    pub(crate) fn query(&self) -> Query {
        Query::parse(self.head.uri.query().unwrap_or_default())
    }
}

/// The caller of a request. A handler that takes one cannot run without a sign-in.
pub(crate) struct Identity {
    /// The user and the user's rights.
    pub(crate) caller: Caller,
    /// The user, address and request id for the audit log.
    pub(crate) origin: Origin,
}
