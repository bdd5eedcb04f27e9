//! `GET …/audit`.

use super::wire::EntriesReply;
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
};
use carnelian_app::admin::input::RawAudit;
use hyper::StatusCode;

/// Finds entries of the audit log.
pub(crate) async fn list_audit(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "list_audit").await?;
    let query = request.query();
    let raw = RawAudit {
        after: query.text("after"),
        before: query.text("before"),
        order: query.text("order"),
        object: query.text("object"),
        actor: query.text("actor"),
        action: query.text("action"),
        account: query.text("accountId"),
        request_id: query.text("requestId"),
        since: query.text("since"),
        until: query.text("until"),
        paging: query.paging(),
    };
    let found = admin.list_audit(raw.check()?).await?;
    Ok(response::json(StatusCode::OK, &EntriesReply::from(&found)))
}
