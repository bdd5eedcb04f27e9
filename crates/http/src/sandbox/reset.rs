//! `/sandbox/v1/reset`.

use super::Control;
use crate::{error::ApiError, response};
use axum::{extract::State, response::Response};
use carnelian_app::sandbox::Planted;
use hyper::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// How much there is from the seed.
#[derive(Serialize)]
struct PlantedReply {
    accounts: usize,
    groups: usize,
    users: usize,
    customers: usize,
}

/// Goes back to the seed.
pub(crate) async fn reset(State(control): State<Arc<Control>>) -> Result<Response, ApiError> {
    let Planted { accounts, groups, users, customers } = control.reset().await?;
    Ok(response::json(StatusCode::OK, &PlantedReply { accounts, groups, users, customers }))
}
