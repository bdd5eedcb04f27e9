//! `/sandbox/v1/reset`.

use super::control::ControlRequest;
use crate::{
    error::ApiError,
    response::{self, Response},
};
use carnelian_app::sandbox::SeedCounts;
use hyper::StatusCode;
use serde::Serialize;

/// How many records the seed contains.
#[derive(Serialize)]
struct SeedCountsReply {
    accounts: usize,
    groups: usize,
    users: usize,
    customers: usize,
}

/// Replaces the registry by a new one from the seed.
pub(crate) async fn reset(request: ControlRequest) -> Result<Response, ApiError> {
    let SeedCounts { accounts, groups, users, customers } = request.control.reset().await?;
    Ok(response::json(StatusCode::OK, &SeedCountsReply { accounts, groups, users, customers }))
}
