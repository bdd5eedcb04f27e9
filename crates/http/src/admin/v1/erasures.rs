//! `…/erasures` and `…/erasures/{erasureId}`.

use super::wire::ErasureReply;
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
    rws::v1::wire::PageReply,
};
use carnelian_domain::{ErasureId, Problem};
use hyper::StatusCode;

/// Lists every erasure of an account.
pub(crate) async fn list_erasures(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "list_erasures").await?;
    let page = admin.list_erasures(request.query().paging().check()?).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, ErasureReply::from)))
}

/// Reads an erasure.
pub(crate) async fn get_erasure(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "get_erasure").await?;
    let id = request.path.get(0).and_then(ErasureId::from_digits).ok_or(Problem::ErasureNotFound)?;
    Ok(response::json(StatusCode::OK, &ErasureReply::from(&admin.get_erasure(id).await?)))
}
