//! `GET …/audit`.

use super::wire::EntryReply;
use crate::{
    error::ApiError,
    extract::{RequestOrigin, SignedIn},
    query::Query,
    response,
    rws::v1::wire::PageReply,
};
use axum::{extract::State, response::Response};
use carnelian_app::{App, requests::RawAudit};
use hyper::StatusCode;
use std::sync::Arc;

/// Lists entries of the audit log, the oldest first.
pub(crate) async fn list_audit(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    query: Query,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "list_audit").await?;
    let raw = RawAudit {
        after: query.text("after"),
        account: query.text("accountId"),
        action: query.text("action"),
        since: query.text("since"),
        paging: query.paging(),
    };
    let page = operator.list_audit(&raw).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, EntryReply::from)))
}
