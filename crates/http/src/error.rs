//! From a failure to an error response.

use crate::{
    log::LoggedError,
    response::{self, Response},
};
use carnelian_app::Failure;
use carnelian_domain::{
    Problem, Violation,
    errors::{Kind, Row},
};
use hyper::{
    StatusCode,
    header::{ACCEPT_ENCODING, CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// The `WWW-Authenticate` header of a response that requires a sign-in.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"Carnelian\", charset=\"UTF-8\"");

/// The `Connection` header of a response after which the connection is closed.
pub(crate) const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The `Retry-After` header, in seconds, when the duration is not known: short outages are over by then.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// The most violations that are reported: a request can have so many that the response would be much larger than it.
pub(crate) const MAX_VIOLATIONS: usize = 100;

/// How many characters of a key or of a parameter's name are shown in a violation, for the same reason.
pub(crate) const SHOWN_KEY: usize = 64;

/// The HTTP status of a kind of failure.
pub fn status_of(kind: Kind) -> StatusCode {
    match kind {
        Kind::BadRequest => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Kind::Conflict | Kind::Contradiction => StatusCode::CONFLICT,
        Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Kind::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The body of every error.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Error")]
pub(crate) struct Envelope<'a> {
    error_message: &'static str,
    /// Absent for errors that have no code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = "^[0-9]{8}$"))]
    error_code: Option<&'static str>,
    /// Every broken rule, the one that `errorCode` names first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    violations: Vec<EnvelopeViolation<'a>>,
}

/// A broken rule.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Violation")]
struct EnvelopeViolation<'a> {
    /// The path of the field in the request, such as `contacts[2].mobile`.
    field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = "^[0-9]{8}$"))]
    error_code: Option<&'static str>,
    error_message: &'static str,
    /// The upper limit in force, if the rule has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize")]
    limit: Option<usize>,
}

/// A failure that becomes an error response.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Failure);

impl<F: Into<Failure>> From<F> for ApiError {
    fn from(failure: F) -> ApiError {
        ApiError(failure.into())
    }
}

impl ApiError {
    /// The error response.
    pub(crate) fn into_response(self) -> Response {
        let row = self.0.problem().row();
        let detail = match &self.0 {
            Failure::Problem(_) | Failure::RateLimited(_) | Failure::Violations(_) => None,
            Failure::Unavailable(internal) | Failure::Internal(internal) => Some(internal.for_log()),
        };
        let mut response = response::json(status_of(row.kind), &envelope_of(&self.0));
        if let Failure::RateLimited(wait) = &self.0 {
            response.headers_mut().insert(RETRY_AFTER, whole_seconds(*wait).into());
        } else if let Some((name, value)) = companion_header(row) {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(LoggedError { code: row.code, detail });
        response
    }
}

/// A time in whole seconds, rounded up, and at least one.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// The additional header of the response to a problem, if there is one.
pub(crate) fn companion_header(row: &Row) -> Option<(HeaderName, HeaderValue)> {
    match row.kind {
        Kind::Unauthenticated => Some((WWW_AUTHENTICATE, CHALLENGE)),
        Kind::Conflict | Kind::TooManyRequests | Kind::Unavailable => Some((RETRY_AFTER, RETRY_SECONDS)),
        // The end of the request is unknown, so the connection cannot be reused.
        Kind::RequestTimeout | Kind::TooLarge => Some((CONNECTION, CLOSE)),
        Kind::BadRequest if row.problem == Problem::MalformedRequest => Some((CONNECTION, CLOSE)),
        Kind::UnsupportedMediaType if row.problem == Problem::UnsupportedContentEncoding => {
            Some((ACCEPT_ENCODING, HeaderValue::from_static("identity")))
        }
        Kind::BadRequest
        | Kind::NotFound
        | Kind::MethodNotAllowed
        | Kind::Contradiction
        | Kind::PreconditionFailed
        | Kind::UnsupportedMediaType
        | Kind::Unprocessable
        | Kind::HeadersTooLarge
        | Kind::Internal => None,
    }
}

/// The body of the response to a failure.
pub(crate) fn body(failure: &Failure) -> serde_json::Value {
    serde_json::to_value(envelope_of(failure)).expect("an envelope consists of strings and numbers")
}

fn envelope_of(failure: &Failure) -> Envelope<'_> {
    let violations: &[Violation] = match failure {
        Failure::Violations(violations) => violations,
        Failure::Problem(_) | Failure::RateLimited(_) | Failure::Unavailable(_) | Failure::Internal(_) => &[],
    };
    envelope(failure.problem().row(), violations)
}

fn envelope<'a>(row: &Row, violations: &'a [Violation]) -> Envelope<'a> {
    let violation = |violation: &'a Violation| EnvelopeViolation {
        field: &violation.field,
        error_code: violation.problem.code(),
        error_message: violation.problem.message(),
        limit: violation.limit,
    };
    Envelope {
        error_message: row.message,
        error_code: row.code,
        violations: violations.iter().map(violation).collect(),
    }
}

/// A whole HTTP response for a connection without a valid request; it closes the connection.
pub(crate) fn closing_message(problem: Problem, request_id: &str) -> Vec<u8> {
    let row = problem.row();
    let status = status_of(row.kind);
    let body = serde_json::to_string(&envelope(row, &[])).expect("an envelope consists of strings and numbers");
    let retry = if row.kind == Kind::Unavailable { "retry-after: 1\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nx-content-type-options: nosniff\r\nx-request-id: {request_id}\r\n{retry}\
         connection: close\r\n\r\n",
        body.len(),
    );
    (head + &body).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_the_time_that_is_known_in_whole_seconds() {
        let retry_after = |millis| {
            let response = ApiError(Failure::RateLimited(Duration::from_millis(millis))).into_response();
            response.headers()[RETRY_AFTER].to_str().ok().map(str::to_owned)
        };
        let cases = [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (59_999, "60")];
        for (millis, seconds) in cases {
            assert_eq!(retry_after(millis).as_deref(), Some(seconds), "{millis} ms");
        }
    }
}
