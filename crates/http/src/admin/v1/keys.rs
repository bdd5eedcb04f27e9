//! `…/users/{userId}/keys` and `…/keys/{keyId}`.

use super::{
    shape::{self, Form},
    users::user_id,
    wire::{IssuedReply, KeyReply},
};
use crate::{
    error::ApiError,
    extract::{Headers, PathText, RequestOrigin, SignedIn, WholeBody},
    query::Query,
    response,
    rws::v1::wire::PageReply,
};
use axum::{extract::State, response::Response};
use carnelian_app::{App, requests::RawKey};
use hyper::StatusCode;
use std::sync::Arc;

/// Lists a user's keys, never the keys themselves.
pub(crate) async fn list_keys(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(user): PathText,
    query: Query,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "list_keys").await?;
    let page = operator.list_keys(user_id(user), query.paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, KeyReply::from)))
}

/// Makes a key for a user, or takes one over that was made elsewhere.
pub(crate) async fn issue_key(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(user): PathText,
    WholeBody(body): WholeBody,
    Headers(headers): Headers,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "issue_key").await?;
    let document = shape::document(&headers, &body)?;
    let form = Form::read_key(&document)?;
    let raw = RawKey {
        label: form.text("label"),
        lifetime: form.number("lifetimeSeconds"),
        allowed: form.texts("allowedAddresses"),
        key: form.text("key"),
        reason: form.text("reason"),
    };
    let issued = operator.issue_key(user_id(user), &raw).await?;
    Ok(response::json(StatusCode::OK, &IssuedReply::from(&issued)))
}

/// Revokes a key.
pub(crate) async fn revoke_key(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(key_id): PathText,
    query: Query,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "revoke_key").await?;
    let key = operator.revoke_key(key_id.as_deref(), query.text("reason")).await?;
    Ok(response::json(StatusCode::OK, &KeyReply::from(&key)))
}
