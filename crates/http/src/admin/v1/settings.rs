//! `GET …/settings`.

use super::wire::SettingsReply;
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
};
use hyper::StatusCode;

/// Returns the settings in force.
pub(crate) async fn get_settings(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "get_settings").await?;
    Ok(response::json(StatusCode::OK, &SettingsReply::from(admin.settings())))
}
