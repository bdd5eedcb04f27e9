//! `…/groups`, `…/groups/{groupId}` and the accounts in it.

use super::{
    accounts::account_id,
    shape::{self, Form},
    wire::GroupReply,
};
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
    rws::v1::wire::PageReply,
};
use carnelian_app::admin::{
    IdOrName,
    groups::GroupDetails,
    input::{self, RawName},
};
use carnelian_domain::{GroupId, Problem};
use hyper::StatusCode;

/// Lists every group, or the one with a name.
pub(crate) async fn list_groups(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "list_groups").await?;
    let query = request.query();
    let page = admin.list_groups(query.paging().check()?, query.only("groupName")?.as_deref()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, GroupReply::from)))
}

/// Creates a group without accounts.
pub(crate) async fn create_group(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "create_group").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read(&document, &["groupName", "reason"])?;
    let raw = RawName { name: form.text("groupName"), reason: form.text("reason") };
    let (name, reason) = raw.check("groupName")?;
    Ok(reply(&admin.because(reason).create_group(&name).await?))
}

/// Reads a group.
pub(crate) async fn get_group(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "get_group").await?;
    Ok(reply(&admin.get_group(&group_id(request.path.get(0))?).await?))
}

/// Adds an account to a group.
pub(crate) async fn add_to_group(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "add_to_group").await?;
    let reason = input::reason(request.query().text("reason"))?;
    let (group, account) = (group_id(request.path.get(0))?, account_id(request.path.get(1))?);
    Ok(reply(&admin.because(reason).add_to_group(&group, &account).await?))
}

/// Removes an account from a group.
pub(crate) async fn remove_from_group(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "remove_from_group").await?;
    let reason = input::reason(request.query().text("reason"))?;
    let (group, account) = (group_id(request.path.get(0))?, account_id(request.path.get(1))?);
    Ok(reply(&admin.because(reason).remove_from_group(&group, &account).await?))
}

fn group_id(text: Option<&str>) -> Result<IdOrName<GroupId>, Problem> {
    text.and_then(GroupId::from_digits).map(IdOrName::Id).ok_or(Problem::GroupNotFound)
}

fn reply(group: &GroupDetails) -> Response {
    response::json(StatusCode::OK, &GroupReply::from(group))
}
