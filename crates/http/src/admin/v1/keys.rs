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
use carnelian_app::admin::input::{self, RawKey};
use carnelian_domain::Problem;
use hyper::StatusCode;

/// Lists a user's keys, never the keys themselves.
pub(crate) async fn list_keys(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "list_keys").await?;
    let paging = request.query().paging().check()?;
    let page = admin.list_keys(&user_id(request.path.get(0))?, paging).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, KeyReply::from)))
}

/// Issues a key for a user, or imports one.
pub(crate) async fn issue_key(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "issue_key").await?;
    let document = shape::document(request.headers(), &request.body)?;
    let form = Form::read_key(&document)?;
    let raw = RawKey {
        label: form.text("label"),
        lifetime: form.number("lifetimeSeconds"),
        allowed: form.texts("allowedAddresses"),
        key: form.text("key"),
        reason: form.text("reason"),
    };
    let (terms, imported, reason) = raw.check()?;
    let key = admin.because(reason).issue_key(&user_id(request.path.get(0))?, imported.as_deref(), terms).await?;
    Ok(response::json(StatusCode::OK, &IssuedReply::from(&key)))
}

/// Reads a key, never the key itself.
pub(crate) async fn get_key(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "get_key").await?;
    let key_id = request.path.get(0).ok_or(Problem::KeyNotFound)?;
    Ok(response::json(StatusCode::OK, &KeyReply::from(&admin.get_key(key_id).await?)))
}

/// Revokes a key.
pub(crate) async fn revoke_key(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "revoke_key").await?;
    let reason = input::reason(request.query().text("reason"))?;
    let key_id = request.path.get(0).ok_or(Problem::KeyNotFound)?;
    let key = admin.because(reason).revoke_key(key_id).await?;
    Ok(response::json(StatusCode::OK, &KeyReply::from(&key)))
}
