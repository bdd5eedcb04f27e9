//! `GET …/users` and `GET …/users/{userId}`.

use super::wire::{PageReply, UserReply};
use crate::{
    error::ApiError,
    extract::{PathText, SignedIn},
    log::LoggedAccount,
    query::Query,
    response,
};
use axum::{extract::State, response::Response};
use carnelian_app::App;
use carnelian_domain::UserId;
use hyper::StatusCode;
use std::sync::Arc;

/// Lists the users whose home account is in scope.
pub(crate) async fn list_users(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Response, ApiError> {
    let reader = app.directory_reader(&caller)?;
    let page = reader.list_users(query.paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, UserReply::from)))
}

/// Reads a user.
pub(crate) async fn get_user(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    PathText(id): PathText,
) -> Result<Response, ApiError> {
    let reader = app.directory_reader(&caller)?;
    let user = reader.get_user(id.and_then(|id| UserId::from_digits(&id))).await?;
    let mut response = response::json(StatusCode::OK, &UserReply::from(&user));
    response.extensions_mut().insert(LoggedAccount(user.account));
    Ok(response)
}
