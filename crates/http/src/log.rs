//! The log line of each request.

use crate::response::Response;
use carnelian_app::LimitStatus;
use carnelian_domain::{AccountId, UserId};
use hyper::{Method, header::HeaderValue};
use std::time::Duration;

/// An extension of a response: the account that it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoggedAccount(pub(crate) AccountId);

/// An extension of an error response: what is logged about the error.
#[derive(Clone, Debug)]
pub(crate) struct LoggedError {
    /// The error code, if the error has one.
    pub(crate) code: Option<&'static str>,
    /// The internal description, which the client does not see.
    pub(crate) detail: Option<String>,
}

/// What is logged about a request, collected while it is handled.
pub(crate) struct RequestLog {
    /// The request's id.
    pub(crate) id: HeaderValue,
    /// The method.
    pub(crate) method: Method,
    /// When the request started, on the monotonic clock.
    pub(crate) started_at: Duration,
    /// The user, after the sign-in.
    pub(crate) user: Option<UserId>,
    /// The path template, after routing.
    pub(crate) route: Option<&'static str>,
    /// The fault that a sandbox injected.
    pub(crate) fault: Option<&'static str>,
    /// What is left of the caller's limits; the response says it.
    pub(crate) limits: Vec<LimitStatus>,
    /// Whether header fields followed the body.
    pub(crate) has_trailers: bool,
}

impl RequestLog {
    /// Writes the line, and a second one if the request failed for an internal reason.
    pub(crate) fn write(&self, response: &Response, took: Duration) {
        let extensions = response.extensions();
        let error = extensions.get::<LoggedError>();
        let request_id = self.id.to_str().unwrap_or_default();
        if let Some(detail) = error.and_then(|error| error.detail.as_deref()) {
            tracing::error!(request_id, detail, "a request failed");
        }
        tracing::info!(
            request_id,
            method = self.method.as_str(),
            route = self.route,
            status = response.status().as_u16(),
            code = error.and_then(|error| error.code),
            user_id = self.user.map(|user| user.0),
            fault = self.fault,
            account_id = extensions.get::<LoggedAccount>().map(|account| account.0.0),
            duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

/// Logs a response that belongs to no request.
pub(crate) fn refusal(request_id: &str, status: u16, code: Option<&str>) {
    tracing::info!(request_id, status, code, "request");
}
