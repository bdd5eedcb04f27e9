//! `/sandbox/v1/faults`.

use super::{
    control::{Control, ControlRequest},
    fields::Fields,
};
use crate::{
    error::ApiError,
    response::{self, Response},
    routes::RWS_PREFIX,
};
use carnelian_app::sandbox::faults::{Fault, FaultKind};
use hyper::StatusCode;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// The largest number of requests that a fault can affect.
const MOST_CALLS: u64 = 1_000_000;

/// The longest time that a fault can last, in seconds: a day.
const MOST_SECONDS: u64 = 86_400;

/// The longest delay, in milliseconds: ten minutes.
const MOST_MILLIS: u64 = 600_000;

/// The methods of the API.
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "DELETE"];

/// The names of the kinds of faults; the time of a delay is a separate field.
const KINDS: [(&str, FaultKind); 7] = [
    ("429", FaultKind::RateLimit),
    ("500", FaultKind::ServerError),
    ("503", FaultKind::Unavailable),
    ("erasure", FaultKind::ErasureInProgress),
    (DELAY, FaultKind::Delay(Duration::ZERO)),
    ("cutBefore", FaultKind::CutBefore),
    ("cutAfter", FaultKind::CutAfter),
];

const DELAY: &str = "delay";

/// The name of a kind of fault.
pub(crate) fn name(kind: FaultKind) -> &'static str {
    let kind = if let FaultKind::Delay(_) = kind { FaultKind::Delay(Duration::ZERO) } else { kind };
    KINDS.into_iter().find(|(_, other)| *other == kind).map_or(DELAY, |(name, _)| name)
}

#[derive(Serialize)]
struct FaultsReply {
    faults: Vec<FaultReply>,
}

/// A fault, with the requests and the time that it still affects.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FaultReply {
    fault: &'static str,
    count: Option<u32>,
    seconds: Option<u64>,
    delay_millis: Option<u64>,
    method: Option<String>,
    path_prefix: Option<String>,
}

impl From<Fault> for FaultReply {
    fn from(fault: Fault) -> FaultReply {
        let delay = if let FaultKind::Delay(time) = fault.kind { u64::try_from(time.as_millis()).ok() } else { None };
        FaultReply {
            fault: name(fault.kind),
            count: fault.count,
            // A fraction of a second counts as a second.
            seconds: fault.time.map(|time| time.as_secs() + u64::from(time.subsec_nanos() > 0)),
            delay_millis: delay,
            method: fault.method,
            path_prefix: fault.path_prefix,
        }
    }
}

/// Lists the faults that are active.
pub(crate) async fn list_faults(request: ControlRequest) -> Result<Response, ApiError> {
    Ok(reply(&request.control))
}

/// Adds a fault.
pub(crate) async fn add_fault(request: ControlRequest) -> Result<Response, ApiError> {
    let mut fields = Fields::read(&request.headers, &request.body)?;
    let fault = fault(&mut fields);
    fields.end()?;
    let control = &request.control;
    control.sandbox.faults().add(fault, control.monotonic());
    Ok(reply(control))
}

/// Removes all faults.
pub(crate) async fn clear_faults(request: ControlRequest) -> Result<Response, ApiError> {
    request.control.sandbox.faults().clear();
    Ok(reply(&request.control))
}

fn reply(control: &Control) -> Response {
    let faults = control.sandbox.faults().list(control.monotonic());
    response::json(StatusCode::OK, &FaultsReply { faults: faults.into_iter().map(FaultReply::from).collect() })
}

/// The fault that a request describes; violations are collected in `fields`.
fn fault(fields: &mut Fields) -> Fault {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let named = |value: &Value| KINDS.into_iter().find(|(name, _)| Some(*name) == value.as_str());
    let kind = fields.read_with("fault", named).map(|(_, kind)| kind);
    let count = fields.number("count", 1..=MOST_CALLS);
    let seconds = fields.number("seconds", 1..=MOST_SECONDS);
    let delay = fields.number("delayMillis", 1..=MOST_MILLIS);
    let method = fields.read_with("method", |value| text(value).filter(|method| METHODS.contains(&&**method)));
    let path_prefix =
        fields.read_with("pathPrefix", |value| text(value).filter(|prefix| prefix.starts_with(RWS_PREFIX)));
    let kind = kind.unwrap_or_else(|| {
        fields.refuse("fault");
        FaultKind::Unavailable
    });
    // A delay requires a time, and no other kind accepts one.
    let kind = match (kind, delay) {
        (FaultKind::Delay(_), Some(millis)) => FaultKind::Delay(Duration::from_millis(millis)),
        (kind, delay) => {
            if matches!(kind, FaultKind::Delay(_)) || delay.is_some() {
                fields.refuse("delayMillis");
            }
            kind
        }
    };
    let count = count.and_then(|count| u32::try_from(count).ok());
    Fault { kind, count, time: seconds.map(Duration::from_secs), method, path_prefix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name() {
        for (expected, kind) in KINDS {
            assert_eq!(name(kind), expected);
        }
        assert_eq!(name(FaultKind::Delay(Duration::from_secs(1))), DELAY);
    }
}
