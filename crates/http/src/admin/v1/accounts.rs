//! `…/accounts`, `…/accounts/{accountId}` and its erasure.

use super::shape::{self, Form};
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    log::LoggedAccount,
    response::{self, Response},
    rws::v1::wire::{AccountReply, PageReply},
};
use carnelian_app::{
    admin::{
        IdOrName,
        input::{self, RawName},
    },
    directory::Account,
};
use carnelian_domain::{AccountId, Problem};
use hyper::StatusCode;

/// Lists every account, or the one with a name.
pub(crate) async fn list_all_accounts(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "list_all_accounts").await?;
    let query = request.query();
    let page = admin.list_accounts(query.paging().check()?, query.only("accountName")?.as_deref()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, |account| AccountReply::from(&**account))))
}

/// Creates an account.
pub(crate) async fn create_account(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "create_account").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read(&document, &["accountName", "reason"])?;
    let raw = RawName { name: form.text("accountName"), reason: form.text("reason") };
    let (name, reason) = raw.check("accountName")?;
    Ok(reply(&*admin.because(reason).create_account(&name).await?))
}

/// Reads any account.
pub(crate) async fn get_any_account(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "get_any_account").await?;
    Ok(reply(&*admin.get_account(&account_id(request.path.get(0))?).await?))
}

/// Puts an account into "erasure in progress".
pub(crate) async fn request_erasure(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "request_erasure").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read(&document, &["reason"])?;
    let reason = input::reason(form.text("reason"))?;
    let (account, _) = admin.because(reason).request_erasure(&account_id(request.path.get(0))?).await?;
    Ok(reply(&account))
}

/// Takes an erasure request back.
pub(crate) async fn cancel_erasure(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "cancel_erasure").await?;
    let reason = input::reason(request.query().text("reason"))?;
    Ok(reply(&*admin.because(reason).cancel_erasure(&account_id(request.path.get(0))?).await?))
}

pub(super) fn account_id(text: Option<&str>) -> Result<IdOrName<AccountId>, Problem> {
    text.and_then(AccountId::from_digits).map(IdOrName::Id).ok_or(Problem::AccountNotFound)
}

fn reply(account: &Account) -> Response {
    let mut response = response::json(StatusCode::OK, &AccountReply::from(account));
    response.extensions_mut().insert(LoggedAccount(account.id));
    response
}
