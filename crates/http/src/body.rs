//! Reads the body of a request as a whole, with limits of size and time.

use carnelian_domain::Problem;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    body::{Body, Bytes},
    header::EXPECT,
};
use std::time::Duration;
use tokio::time::timeout;

/// A body is read up to this multiple of the limit and discarded, so that a client that sends too much can still read the
/// error response.
const DISCARD_FACTOR: usize = 16;

/// What happens to the bytes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyUse {
    /// They are kept for the handler.
    Keep,
    /// They are discarded as they arrive; size and time are checked all the same.
    Discard,
}

/// The limits of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// The largest size, in bytes.
    pub(crate) bytes: usize,
    /// How long it may take to arrive.
    pub(crate) time: Duration,
}

/// A body that arrived within its limits.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// The bytes; none if they were discarded.
    pub(crate) bytes: Bytes,
    /// Whether header fields followed the body.
    pub(crate) has_trailers: bool,
}

/// Reads a body.
pub(crate) async fn collect<B>(
    body: B,
    headers: &HeaderMap,
    body_use: BodyUse,
    limits: BodyLimits,
) -> Result<Collected, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok(Collected::default());
    }
    // A client that expects a 100 has not sent the body yet, so it is refused at once.
    if headers.contains_key(EXPECT) && body.size_hint().lower() > limits.bytes as u64 {
        return Err(Problem::BodyTooLarge);
    }
    timeout(limits.time, read(body, body_use, limits.bytes)).await.unwrap_or(Err(Problem::RequestTimeout))
}

async fn read<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    body_use: BodyUse,
    limit: usize,
) -> Result<Collected, Problem> {
    let (mut first, mut has_trailers) = (Bytes::new(), false);
    let mut joined = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::MalformedRequest)?.into_data() else {
            has_trailers = true;
            continue;
        };
        length = length.saturating_add(data.len());
        if length > limit.saturating_mul(DISCARD_FACTOR) {
            return Err(Problem::BodyTooLarge);
        }
        if length <= limit && body_use == BodyUse::Keep {
            // Nearly every body arrives in one frame, which is not copied.
            if first.is_empty() && joined.is_empty() {
                first = data;
            } else {
                if joined.is_empty() {
                    joined.extend_from_slice(&std::mem::take(&mut first));
                }
                joined.extend_from_slice(&data);
            }
        }
    }
    if length > limit {
        return Err(Problem::BodyTooLarge);
    }
    let bytes = if joined.is_empty() { first } else { joined.into() };
    Ok(Collected { bytes, has_trailers })
}
