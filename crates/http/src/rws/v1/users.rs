//! `GET …/users` and `GET …/users/{userId}`.

use super::wire::{PageReply, UserReply};
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
    let page = reader.list_users(request.query().paging().check()?).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, UserReply::from)))
}

/// Reads a user.
pub(crate) async fn get_user(request: RequestContext, Identity { caller, .. }: Identity) -> Result<Response, ApiError> {
    let reader = request.app.directory_reader(&caller)?;
    let id = request.path.get(0).and_then(UserId::from_digits).ok_or(Problem::UserNotFound)?;
    let user = reader.get_user(id).await?;
    let mut response = response::json(StatusCode::OK, &UserReply::from(&user));
    response.extensions_mut().insert(LoggedAccount(user.account));
    Ok(response)
}
