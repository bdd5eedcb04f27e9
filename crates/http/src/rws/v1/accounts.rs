//! `GET …/accounts` and `GET …/accounts/{accountId}`.

use super::wire::{AccountReply, PageReply, Selected};
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    log::LoggedAccount,
    response::{self, Response},
};
use carnelian_domain::{AccountId, Problem};
use hyper::StatusCode;

/// Lists the accounts in scope.
pub(crate) async fn list_accounts(
    request: RequestContext,
    Identity { caller, .. }: Identity,
) -> Result<Response, ApiError> {
    let reader = request.app.directory_reader(&caller)?;
    let (paging, fields) = request.query().page_and_fields()?;
    let page = reader.list_accounts(paging, None).await?;
    let page = PageReply::new(&page, |account| Selected::new(AccountReply::from(&**account), &fields));
    Ok(response::json(StatusCode::OK, &page))
}

/// Reads an account.
pub(crate) async fn get_account(
    request: RequestContext,
    Identity { caller, .. }: Identity,
) -> Result<Response, ApiError> {
    let reader = request.app.directory_reader(&caller)?;
    let id = request.path.get(0).and_then(AccountId::from_digits).ok_or(Problem::AccountNotFound)?;
    let fields = request.query().fields()?;
    let account = reader.get_account(id).await?;
    let mut response = response::json(StatusCode::OK, &Selected::new(AccountReply::from(&*account), &fields));
    response.extensions_mut().insert(LoggedAccount(account.id));
    Ok(response)
}
