//! `…/users` and `…/users/{userId}`.

use super::shape::{self, Form};
use crate::{
    error::ApiError,
    extract::{Headers, PathText, RequestOrigin, SignedIn, WholeBody},
    query::Query,
    response,
    rws::v1::wire::{PageReply, UserReply},
};
use axum::{extract::State, response::Response};
use carnelian_app::{
    App,
    accounts::UserDetails,
    requests::{RawUser, RawUserChanges},
};
use carnelian_domain::UserId;
use hyper::StatusCode;
use std::sync::Arc;

/// Lists every user.
pub(crate) async fn list_all_users(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    query: Query,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "list_all_users").await?;
    let page = operator.list_users(query.paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, UserReply::from)))
}

/// Creates a user.
pub(crate) async fn create_user(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    WholeBody(body): WholeBody,
    Headers(headers): Headers,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "create_user").await?;
    let document = shape::document(&headers, &body)?;
    let form = Form::read(&document, &["userName", "accountName", "accountGroup", "role", "reason"])?;
    let raw = RawUser {
        name: form.text("userName"),
        account: form.text("accountName"),
        group: form.text("accountGroup"),
        role: form.text("role"),
        reason: form.text("reason"),
    };
    Ok(reply(&operator.create_user(&raw).await?))
}

/// Reads any user.
pub(crate) async fn get_any_user(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(id): PathText,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "get_any_user").await?;
    Ok(reply(&operator.get_user(user_id(id)).await?))
}

/// Changes a user.
pub(crate) async fn edit_user(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(id): PathText,
    WholeBody(body): WholeBody,
    Headers(headers): Headers,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "edit_user").await?;
    let document = shape::document(&headers, &body)?;
    let form = Form::read(&document, &["role", "accountGroup", "status", "reason"])?;
    let raw = RawUserChanges {
        role: form.text("role"),
        group: form.has("accountGroup").then(|| form.text("accountGroup")),
        status: form.text("status"),
        reason: form.text("reason"),
    };
    Ok(reply(&operator.edit_user(user_id(id), &raw).await?))
}

pub(super) fn user_id(text: Option<String>) -> Option<UserId> {
    UserId::from_digits(&text?)
}

fn reply(user: &UserDetails) -> Response {
    response::json(StatusCode::OK, &UserReply::from(user))
}
