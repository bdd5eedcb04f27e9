//! `/sandbox/v1/clock`.

use super::{control::ControlRequest, fields::Fields};
use crate::{
    error::ApiError,
    response::{self, Response},
};
use carnelian_app::{
    Failure,
    sandbox::clock::{Reading, SetClock},
};
use carnelian_domain::{Problem, Violation};
use hyper::StatusCode;
use serde::Serialize;

/// The most seconds that the clock can be advanced by: about 300 years.
const MOST_SECONDS: u64 = 10_000_000_000;

/// The state of the clock.
#[derive(Serialize)]
struct ClockReply {
    now: String,
    timestamp: i64,
    running: bool,
}

/// Reads the clock.
pub(crate) async fn get_clock(request: ControlRequest) -> Result<Response, ApiError> {
    Ok(reply(request.control.sandbox.clock().reading()))
}

/// Sets the clock.
pub(crate) async fn set_clock(request: ControlRequest) -> Result<Response, ApiError> {
    let mut fields = Fields::read(&request.headers, &request.body)?;
    fields.expect_any("now");
    let now = fields.moment("now");
    let advance_seconds = fields.number("advanceSeconds", 0..=MOST_SECONDS);
    let running = fields.read_with("running", serde_json::Value::as_bool);
    fields.end()?;
    let change = SetClock { now, advance_seconds: advance_seconds.unwrap_or(0), running };
    let reading = request.control.sandbox.clock().set(change);
    // What is given says where the time comes from that is too late.
    let field = if advance_seconds.is_some() { "advanceSeconds" } else { "now" };
    let too_late = || Failure::Violations(vec![Violation::new(field, Problem::InvalidDateFormat)]);
    Ok(reply(reading.ok_or_else(too_late)?))
}

/// Resets the clock to the real time.
pub(crate) async fn reset_clock(request: ControlRequest) -> Result<Response, ApiError> {
    let clock = request.control.sandbox.clock();
    clock.reset();
    Ok(reply(clock.reading()))
}

fn reply(reading: Reading) -> Response {
    let Reading { now, running } = reading;
    response::json(StatusCode::OK, &ClockReply { now: now.to_iso8601(), timestamp: now.unix_seconds(), running })
}
