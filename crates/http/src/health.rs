//! Health checks, for process managers and load balancers.

use crate::{
    context::RequestContext,
    error::ApiError,
    response::{self, Response},
};
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// The server's state.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Health {
    #[schemars(extend("const" = "ok"))]
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Reports that the process responds.
pub(crate) async fn live(_: RequestContext) -> Result<Response, ApiError> {
    Ok(response::json(StatusCode::OK, &OK))
}

/// Reports whether requests can be served: whether the store responds.
pub(crate) async fn ready(request: RequestContext) -> Result<Response, ApiError> {
    request.app.ready().await?;
    Ok(response::json(StatusCode::OK, &OK))
}
