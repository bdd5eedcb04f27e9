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
use carnelian_app::{operator::GroupDetails, requests::RawName};
use carnelian_domain::GroupId;
use hyper::StatusCode;

/// Lists every group.
pub(crate) async fn list_groups(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "list_groups").await?;
    let page = operator.list_groups(request.query().paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, GroupReply::from)))
}

/// Creates a group without accounts.
pub(crate) async fn create_group(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "create_group").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read(&document, &["groupName", "reason"])?;
    let raw = RawName { name: form.text("groupName"), reason: form.text("reason") };
    Ok(reply(&operator.create_group(&raw).await?))
}

/// Reads a group.
pub(crate) async fn get_group(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "get_group").await?;
    Ok(reply(&operator.get_group(group_id(request.path.get(0))).await?))
}

/// Adds an account to a group.
pub(crate) async fn add_to_group(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "add_to_group").await?;
    let (group, account) = (group_id(request.path.get(0)), account_id(request.path.get(1)));
    Ok(reply(&operator.add_to_group(group, account, request.query().text("reason")).await?))
}

/// Takes an account out of a group.
pub(crate) async fn remove_from_group(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "remove_from_group").await?;
    let (group, account) = (group_id(request.path.get(0)), account_id(request.path.get(1)));
    Ok(reply(&operator.remove_from_group(group, account, request.query().text("reason")).await?))
}

fn group_id(text: Option<&str>) -> Option<GroupId> {
    GroupId::from_digits(text?)
}

fn reply(group: &GroupDetails) -> Response {
    response::json(StatusCode::OK, &GroupReply::from(group))
}
