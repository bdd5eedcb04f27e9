//! The headers that say how many requests a client may still send, as in draft-ietf-httpapi-ratelimit-headers-11. The draft
//! may change; this is the only place that follows it.

use carnelian_app::LimitStatus;
use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

/// Each limit: its quota, and the seconds for which that is.
pub(crate) const POLICY: &str = "ratelimit-policy";

/// Each limit: how many requests remain, and the seconds until the whole quota does.
pub(crate) const REMAINING: &str = "ratelimit";

/// Adds both headers if there are limits.
pub(crate) fn add(headers: &mut HeaderMap, limits: &[LimitStatus]) {
    let policy = |limit: &LimitStatus| format!("\"{}\";q={};w=1", limit.name, limit.quota);
    let left = |limit: &LimitStatus| format!("\"{}\";r={};t={}", limit.name, limit.remaining, limit.reset_seconds());
    if !limits.is_empty() {
        headers.insert(HeaderName::from_static(POLICY), list(limits.iter().map(policy)));
        headers.insert(HeaderName::from_static(REMAINING), list(limits.iter().map(left)));
    }
}

fn list(items: impl Iterator<Item = String>) -> HeaderValue {
    let text = items.collect::<Vec<_>>().join(", ");
    HeaderValue::try_from(text).expect("names and numbers are visible characters")
}
