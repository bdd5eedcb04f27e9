//! `…/users/{userId}/keys` and `…/keys/{keyId}`.

use super::{
    shape::{self, Form},
    users::user_id,
    wire::{IssuedReply, KeyReply},
};
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
    rws::v1::wire::PageReply,
};
use carnelian_app::requests::RawKey;
use hyper::StatusCode;

/// Lists a user's keys, never the keys themselves.
pub(crate) async fn list_keys(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "list_keys").await?;
    let page = operator.list_keys(user_id(request.path.get(0)), request.query().paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, KeyReply::from)))
}

/// Makes a key for a user, or takes one over that was made elsewhere.
pub(crate) async fn issue_key(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "issue_key").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read_key(&document)?;
    let raw = RawKey {
        label: form.text("label"),
        lifetime: form.number("lifetimeSeconds"),
        allowed: form.texts("allowedAddresses"),
        key: form.text("key"),
        reason: form.text("reason"),
    };
    let issued = operator.issue_key(user_id(request.path.get(0)), &raw).await?;
    Ok(response::json(StatusCode::OK, &IssuedReply::from(&issued)))
}

/// Revokes a key.
pub(crate) async fn revoke_key(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "revoke_key").await?;
    let key = operator.revoke_key(request.path.get(0), request.query().text("reason")).await?;
    Ok(response::json(StatusCode::OK, &KeyReply::from(&key)))
}
