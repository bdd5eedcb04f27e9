//! Health checks, for process managers and load balancers.

use crate::{
    context::RequestContext,
    error::ApiError,
    response::{self, Response},
};
use carnelian_domain::Timestamp;
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// The server's state.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    #[schemars(extend("const" = "ok"))]
    status: &'static str,
    /// If the server writes backups by itself: when the newest complete one was begun, null if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"), example = &"2026-11-30T08:30:00.000Z")]
    newest_backup_at: Option<Option<String>>,
}

const OK: Health = Health { status: "ok", newest_backup_at: None };

/// Reports that the process responds.
pub(crate) async fn live(_: RequestContext) -> Result<Response, ApiError> {
    Ok(response::json(StatusCode::OK, &OK))
}

/// Reports whether requests can be served: whether the store responds.
pub(crate) async fn ready(request: RequestContext) -> Result<Response, ApiError> {
    request.app.ready().await?;
    let newest_backup_at = request.app.newest_backup().map(|begun| begun.map(Timestamp::to_iso8601));
    Ok(response::json(StatusCode::OK, &Health { newest_backup_at, ..OK }))
}
