//! `GET …/users` and `GET …/users/{userId}`.

use super::wire::{PageReply, Selected, UserReply};
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    log::LoggedAccount,
    response::{self, Response},
};
use carnelian_domain::{Problem, UserId};
use hyper::StatusCode;

/// Lists the users whose home account is in scope.
pub(crate) async fn list_users(
    request: RequestContext,
    Identity { caller, .. }: Identity,
) -> Result<Response, ApiError> {
    let reader = request.app.directory_reader(&caller)?;
    let query = request.query();
    let (paging, fields) = query.page_and_fields()?;
    let page = reader.list_users(paging, query.only("username")?.as_deref()).await?;
    let page = PageReply::new(&page, |user| Selected::new(UserReply::from(user), &fields));
    Ok(response::json(StatusCode::OK, &page))
}

/// Reads a user.
pub(crate) async fn get_user(request: RequestContext, Identity { caller, .. }: Identity) -> Result<Response, ApiError> {
    let reader = request.app.directory_reader(&caller)?;
    let id = request.path.get(0).and_then(UserId::from_digits).ok_or(Problem::UserNotFound)?;
    let fields = request.query().fields()?;
    let user = reader.get_user(id).await?;
    let mut response = response::json(StatusCode::OK, &Selected::new(UserReply::from(&user), &fields));
    response.extensions_mut().insert(LoggedAccount(user.account));
    Ok(response)
}
