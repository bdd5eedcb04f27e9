//! `/sandbox/v1/reset`.

use super::control::ControlRequest;
use crate::{
    error::ApiError,
    response::{self, Response},
};
use carnelian_app::sandbox::Planted;
use hyper::StatusCode;
use serde::Serialize;

/// How much there is from the seed.
#[derive(Serialize)]
struct PlantedReply {
    accounts: usize,
    groups: usize,
    users: usize,
    customers: usize,
}

/// Goes back to the seed.
pub(crate) async fn reset(request: ControlRequest) -> Result<Response, ApiError> {
    let Planted { accounts, groups, users, customers } = request.control.reset().await?;
    Ok(response::json(StatusCode::OK, &PlantedReply { accounts, groups, users, customers }))
}
