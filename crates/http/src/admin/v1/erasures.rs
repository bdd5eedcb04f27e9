//! `…/erasures` and `…/erasures/{erasureId}`.

use super::wire::ErasureReply;
use crate::{
    error::ApiError,
    extract::{PathText, RequestOrigin, SignedIn},
    query::Query,
    response,
    rws::v1::wire::PageReply,
};
use axum::{extract::State, response::Response};
use carnelian_app::App;
use carnelian_domain::ErasureId;
use hyper::StatusCode;
use std::sync::Arc;

/// Lists every erasure of an account.
pub(crate) async fn list_erasures(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    query: Query,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "list_erasures").await?;
    let page = operator.list_erasures(query.paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, ErasureReply::from)))
}

/// Reads an erasure.
pub(crate) async fn get_erasure(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(id): PathText,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "get_erasure").await?;
    let id = id.and_then(|text| ErasureId::from_digits(&text));
    Ok(response::json(StatusCode::OK, &ErasureReply::from(&operator.get_erasure(id).await?)))
}
