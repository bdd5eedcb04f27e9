//! `…/accounts`, `…/accounts/{accountId}` and its erasure.

use super::shape::{self, Form};
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    log::LoggedAccount,
    response::{self, Response},
    rws::v1::wire::{AccountReply, PageReply},
};
use carnelian_app::{directory::Account, requests::RawName};
use carnelian_domain::AccountId;
use hyper::StatusCode;

/// Lists every account.
pub(crate) async fn list_all_accounts(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "list_all_accounts").await?;
    let page = operator.list_accounts(request.query().paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, |account| AccountReply::from(&**account))))
}

/// Creates an account.
pub(crate) async fn create_account(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "create_account").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read(&document, &["accountName", "reason"])?;
    let raw = RawName { name: form.text("accountName"), reason: form.text("reason") };
    Ok(reply(&*operator.create_account(&raw).await?))
}

/// Reads any account.
pub(crate) async fn get_any_account(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "get_any_account").await?;
    Ok(reply(&*operator.get_account(account_id(request.path.get(0))).await?))
}

/// Puts an account into "erasure in progress".
pub(crate) async fn request_erasure(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "request_erasure").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read(&document, &["reason"])?;
    Ok(reply(&*operator.request_erasure(account_id(request.path.get(0)), form.text("reason")).await?))
}

/// Takes an erasure request back.
pub(crate) async fn cancel_erasure(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "cancel_erasure").await?;
    Ok(reply(&*operator.cancel_erasure(account_id(request.path.get(0)), request.query().text("reason")).await?))
}

pub(super) fn account_id(text: Option<&str>) -> Option<AccountId> {
    AccountId::from_digits(text?)
}

fn reply(account: &Account) -> Response {
    let mut response = response::json(StatusCode::OK, &AccountReply::from(account));
    response.extensions_mut().insert(LoggedAccount(account.id));
    response
}
