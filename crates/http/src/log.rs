//! One line per request, and what answers tell it.

use axum::response::Response;
use carnelian_domain::{AccountId, Caller};
use hyper::{Method, header::HeaderValue};
use std::time::Duration;

/// The account that an answer is about, for the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoggedAccount(pub(crate) AccountId);

/// What the log is told of a failed answer.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    /// The error code, where there is one.
    pub(crate) code: Option<&'static str>,
    /// What happened, in words that are not for the client.
    pub(crate) detail: Option<String>,
}

/// Logs a request and its answer; `fault` is what a sandbox let go wrong with it.
pub(crate) fn request(
    id: &HeaderValue,
    method: &Method,
    route: Option<&str>,
    caller: Option<&Caller>,
    fault: Option<&str>,
    response: &Response,
    took: Duration,
) {
    let extensions = response.extensions();
    let logged = extensions.get::<Logged>();
    let request_id = id.to_str().unwrap_or_default();
    if let Some(detail) = logged.and_then(|logged| logged.detail.as_deref()) {
        tracing::error!(request_id, detail, "a request failed");
    }
    tracing::info!(
        request_id,
        method = method.as_str(),
        route,
        status = response.status().as_u16(),
        code = logged.and_then(|logged| logged.code),
        user_id = caller.map(|caller| caller.user.0),
        fault,
        account_id = extensions.get::<LoggedAccount>().map(|account| account.0.0),
        duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "request"
    );
}

/// Logs an answer to what came without a request.
pub(crate) fn refusal(request_id: &str, status: u16, code: Option<&str>) {
    tracing::info!(request_id, status, code, "request");
}
