//! `GET …/audit`.

use super::wire::EntryReply;
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
    rws::v1::wire::PageReply,
};
use carnelian_app::admin::input::RawAudit;
use hyper::StatusCode;

/// Lists entries of the audit log, the oldest first.
pub(crate) async fn list_audit(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "list_audit").await?;
    let query = request.query();
    let raw = RawAudit {
        after: query.text("after"),
        account: query.text("accountId"),
        action: query.text("action"),
        since: query.text("since"),
        paging: query.paging(),
    };
    let (filter, paging) = raw.check()?;
    let page = admin.list_audit(&filter, paging).await?;
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, EntryReply::from)))
}
