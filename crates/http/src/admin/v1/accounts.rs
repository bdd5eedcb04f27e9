//! `…/accounts`, `…/accounts/{accountId}` and its erasure.

use super::shape::{self, Form};
use crate::{
    error::ApiError,
    extract::{Headers, PathText, RequestOrigin, SignedIn, WholeBody},
    log::LoggedAccount,
    query::Query,
    response,
    rws::v1::wire::{AccountReply, PageReply},
};
use axum::{extract::State, response::Response};
use carnelian_app::{App, directory::Account, requests::RawName};
use carnelian_domain::AccountId;
use hyper::StatusCode;
use std::sync::Arc;

/// Lists every account.
pub(crate) async fn list_all_accounts(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    query: Query,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "list_all_accounts").await?;
    let page = operator.list_accounts(query.paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, |account| AccountReply::from(&**account))))
}

/// Creates an account.
pub(crate) async fn create_account(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    WholeBody(body): WholeBody,
    Headers(headers): Headers,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "create_account").await?;
    let document = shape::document(&headers, &body)?;
    let form = Form::read(&document, &["accountName", "reason"])?;
    let raw = RawName { name: form.text("accountName"), reason: form.text("reason") };
    Ok(reply(&*operator.create_account(&raw).await?))
}

/// Reads any account.
pub(crate) async fn get_any_account(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(id): PathText,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "get_any_account").await?;
    Ok(reply(&*operator.get_account(account_id(id)).await?))
}

/// Puts an account into "erasure in progress".
pub(crate) async fn request_erasure(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(id): PathText,
    WholeBody(body): WholeBody,
    Headers(headers): Headers,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "request_erasure").await?;
    let document = shape::document(&headers, &body)?;
    let form = Form::read(&document, &["reason"])?;
    Ok(reply(&*operator.request_erasure(account_id(id), form.text("reason")).await?))
}

/// Takes an erasure request back.
pub(crate) async fn cancel_erasure(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(id): PathText,
    query: Query,
) -> Result<Response, ApiError> {
    let operator = app.operator(&caller, origin, "cancel_erasure").await?;
    Ok(reply(&*operator.cancel_erasure(account_id(id), query.text("reason")).await?))
}

pub(super) fn account_id(text: Option<String>) -> Option<AccountId> {
    AccountId::from_digits(&text?)
}

fn reply(account: &Account) -> Response {
    let mut response = response::json(StatusCode::OK, &AccountReply::from(account));
    response.extensions_mut().insert(LoggedAccount(account.id));
    response
}
