//! `…/erasures` and `…/erasures/{erasureId}`.

use super::wire::ErasureReply;
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
    rws::v1::wire::PageReply,
};
use carnelian_domain::ErasureId;
use hyper::StatusCode;

/// Lists every erasure of an account.
pub(crate) async fn list_erasures(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "list_erasures").await?;
    let page = operator.list_erasures(request.query().paging()).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, ErasureReply::from)))
}

/// Reads an erasure.
pub(crate) async fn get_erasure(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let operator = request.app.operator(&caller, origin, "get_erasure").await?;
    let id = request.path.get(0).and_then(ErasureId::from_digits);
    Ok(response::json(StatusCode::OK, &ErasureReply::from(&operator.get_erasure(id).await?)))
}
