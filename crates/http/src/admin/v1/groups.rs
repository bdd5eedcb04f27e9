//! `…/groups`, `…/groups/{groupId}` and the accounts in it.

use super::{
    accounts::account_id,
    shape::{self, Form},
    wire::GroupReply,
};
use crate::{
    error::ApiError,
    extract::{Headers, PathPair, PathText, RequestOrigin, SignedIn, WholeBody},
    query::Query,
    response,
    rws::v1::wire::PageReply,
};
use axum::{extract::State, response::Response};
use carnelian_app::{App, operator::GroupDetails, requests::RawName};
use carnelian_domain::GroupId;
use hyper::StatusCode;
use std::sync::Arc;

/// Lists every group.
pub(crate) async fn list_groups(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    query: Query,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "list_groups").await?;
    let page = operator.list_groups(query.paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, GroupReply::from)))
}

/// Creates a group without accounts.
pub(crate) async fn create_group(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    WholeBody(body): WholeBody,
    Headers(headers): Headers,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "create_group").await?;
    let document = shape::document(&headers, &body)?;
    let form = Form::read(&document, &["groupName", "reason"])?;
    let raw = RawName { name: form.text("groupName"), reason: form.text("reason") };
    Ok(reply(&operator.create_group(&raw).await?))
}

/// Reads a group.
pub(crate) async fn get_group(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(id): PathText,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "get_group").await?;
    Ok(reply(&operator.get_group(group_id(id)).await?))
}

/// Adds an account to a group.
pub(crate) async fn add_to_group(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathPair(group, account): PathPair,
    query: Query,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "add_to_group").await?;
    let (group, account) = (group_id(group), account_id(account));
    Ok(reply(&operator.add_to_group(group, account, query.text("reason")).await?))
}

/// Takes an account out of a group.
pub(crate) async fn remove_from_group(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathPair(group, account): PathPair,
    query: Query,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "remove_from_group").await?;
    let (group, account) = (group_id(group), account_id(account));
    Ok(reply(&operator.remove_from_group(group, account, query.text("reason")).await?))
}

fn group_id(text: Option<String>) -> Option<GroupId> {
    GroupId::from_digits(&text?)
}

fn reply(group: &GroupDetails) -> Response {
    response::json(StatusCode::OK, &GroupReply::from(group))
}
