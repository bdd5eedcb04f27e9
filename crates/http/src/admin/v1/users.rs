//! `…/users` and `…/users/{userId}`.

use super::shape::{self, Form};
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
    rws::v1::wire::{PageReply, UserReply},
};
use carnelian_app::{
    admin::{
        IdOrName,
        input::{RawUser, RawUserChanges},
    },
    directory::UserDetails,
};
use carnelian_domain::{Problem, UserId};
use hyper::StatusCode;

/// Lists every user.
pub(crate) async fn list_all_users(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "list_all_users").await?;
    let query = request.query();
    let page = admin.list_users(query.paging().check()?, query.only("username")?.as_deref()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, UserReply::from)))
}

/// Creates a user.
pub(crate) async fn create_user(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "create_user").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read(&document, &["username", "accountName", "accountGroup", "roleName", "reason"])?;
    let raw = RawUser {
        name: form.text("username"),
        account: form.text("accountName"),
        group: form.text("accountGroup"),
        role: form.text("roleName"),
        reason: form.text("reason"),
    };
    let (new, reason) = raw.check()?;
    Ok(reply(&admin.because(reason).create_user(new).await?))
}

/// Reads any user.
pub(crate) async fn get_any_user(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "get_any_user").await?;
    Ok(reply(&admin.get_user(&user_id(request.path.get(0))?).await?))
}

/// Changes a user.
pub(crate) async fn edit_user(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "edit_user").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read(&document, &["roleName", "accountGroup", "status", "reason"])?;
    let raw = RawUserChanges {
        role: form.text("roleName"),
        group: form.has("accountGroup").then(|| form.text("accountGroup")),
        status: form.text("status"),
        reason: form.text("reason"),
    };
    let (changes, reason) = raw.check()?;
    Ok(reply(&admin.because(reason).edit_user(&user_id(request.path.get(0))?, changes).await?))
}

pub(super) fn user_id(text: Option<&str>) -> Result<IdOrName<UserId>, Problem> {
    text.and_then(UserId::from_digits).map(IdOrName::Id).ok_or(Problem::UserNotFound)
}

fn reply(user: &UserDetails) -> Response {
    response::json(StatusCode::OK, &UserReply::from(user))
}
