//! Health, for whoever starts, stops and watches the server.

use crate::{error::ApiError, response};
use axum::{extract::State, response::Response};
use carnelian_app::App;
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// The server's state.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Health {
    #[schemars(extend("const" = "ok"))]
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Says that the process answers.
pub(crate) async fn live() -> Response {
    response::json(StatusCode::OK, &OK)
}

/// Says that requests can be served: the store answers.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    app.ready().await?;
    Ok(response::json(StatusCode::OK, &OK))
}
