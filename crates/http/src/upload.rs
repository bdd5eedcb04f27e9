//! Receives a file that is larger than a body: in parts, from the connection to the disk.

use crate::{error::ApiError, routes::ADMIN_PREFIX};
use carnelian_app::jobs::JobUpload;
use carnelian_domain::{JobId, Problem};
use http_body_util::BodyExt;
use hyper::{
    Method,
    body::{Body, Bytes},
    http::request::Parts,
};
use std::time::Duration;
use tokio::time::timeout;

/// How many bytes are written at once.
const PART: usize = 1 << 18;

/// The job whose file a request sends; `None` for any other request.
pub(crate) fn job_of(head: &Parts) -> Option<JobId> {
    let path = head.uri.path().strip_prefix(ADMIN_PREFIX)?;
    let id = path.strip_prefix("v1/jobs/")?.strip_suffix("/input")?;
    if head.method == Method::PUT { JobId::from_digits(id) } else { None }
}

/// Receives a file. Each part of it may take `time` to arrive. Returns whether header fields followed it.
pub(crate) async fn receive<B>(mut body: B, upload: &mut JobUpload, time: Duration) -> Result<bool, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (mut part, mut has_trailers) = (Vec::new(), false);
    while let Some(frame) = timeout(time, body.frame()).await.map_err(|_| Problem::RequestTimeout)? {
        match frame.map_err(|_| Problem::MalformedRequest)?.into_data() {
            Ok(data) => part.extend_from_slice(&data),
            Err(_) => has_trailers = true,
        }
        if part.len() >= PART {
            upload.write(std::mem::take(&mut part)).await?;
        }
    }
    upload.write(part).await?;
    Ok(has_trailers)
}
