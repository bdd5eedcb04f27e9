//! Reading a body: whole, bounded in size and time.

use carnelian_domain::Problem;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    body::{Body, Bytes},
    header::EXPECT,
};
use std::time::Duration;
use tokio::time::timeout;

/// How many times the limit is read and thrown away, so that a client that sends too much can still read the answer.
const DISCARD_FACTOR: usize = 16;

/// What is done with a body that arrives as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Somebody will look at it.
    Keep,
    /// Nobody will, so it takes no memory; its size and its arrival are checked all the same.
    Discard,
}

/// A body that arrived as it should.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// What is kept of it.
    pub(crate) bytes: Bytes,
    /// Whether header fields came behind it.
    pub(crate) trailers: bool,
}

/// Reads a body of at most `limit` bytes that arrives within `time`.
pub(crate) async fn collect<B>(
    body: B,
    headers: &HeaderMap,
    purpose: Use,
    limit: usize,
    time: Duration,
) -> Result<Collected, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok(Collected::default());
    }
    // A client that asks first has sent nothing yet, and is told no at once.
    if headers.contains_key(EXPECT) && body.size_hint().lower() > limit as u64 {
        return Err(Problem::BodyTooLarge);
    }
    timeout(time, read(body, purpose, limit)).await.unwrap_or(Err(Problem::RequestTimeout))
}

async fn read<B: Body<Data = Bytes> + Unpin>(mut body: B, purpose: Use, limit: usize) -> Result<Collected, Problem> {
    let (mut whole, mut trailers) = (Bytes::new(), false);
    let mut parts = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::MalformedRequest)?.into_data() else {
            trailers = true;
            continue;
        };
        length = length.saturating_add(data.len());
        if length > limit.saturating_mul(DISCARD_FACTOR) {
            return Err(Problem::BodyTooLarge);
        }
        if length <= limit && purpose == Use::Keep {
            // Nearly every body arrives in one piece, which then need not be copied.
            if whole.is_empty() && parts.is_empty() {
                whole = data;
            } else {
                if parts.is_empty() {
                    parts.extend_from_slice(&std::mem::take(&mut whole));
                }
                parts.extend_from_slice(&data);
            }
        }
    }
    if length > limit {
        return Err(Problem::BodyTooLarge);
    }
    let bytes = if parts.is_empty() { whole } else { parts.into() };
    Ok(Collected { bytes, trailers })
}
