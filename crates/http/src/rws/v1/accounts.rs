//! `GET …/accounts` and `GET …/accounts/{accountId}`.

use super::wire::{AccountReply, PageReply};
use crate::{
    error::ApiError,
    extract::{PathText, SignedIn},
    log::LoggedAccount,
    query::Query,
    response,
};
use axum::{extract::State, response::Response};
use carnelian_app::App;
use carnelian_domain::AccountId;
use hyper::StatusCode;
use std::sync::Arc;

/// Lists the accounts in scope.
pub(crate) async fn list_accounts(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Response, ApiError> {
    let reader = app.directory_reader(&caller)?;
    let page = reader.list_accounts(query.paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, |account| AccountReply::from(&**account))))
}

/// Reads an account.
pub(crate) async fn get_account(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    PathText(id): PathText,
) -> Result<Response, ApiError> {
    let reader = app.directory_reader(&caller)?;
    let account = reader.get_account(id.and_then(|id| AccountId::from_digits(&id))).await?;
    let mut response = response::json(StatusCode::OK, &AccountReply::from(&*account));
    response.extensions_mut().insert(LoggedAccount(account.id));
    Ok(response)
}
