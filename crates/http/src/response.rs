//! Responses.

use carnelian_app::ListingSlot;
use hyper::{
    StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

/// A response; its body is in memory as a whole.
pub(crate) type Response = hyper::Response<ResponseBody>;

/// The initial capacity for a body, in bytes: nearly every response fits, and a longer one is copied as it grows.
const USUAL_LENGTH: usize = 1024;

/// The largest part of a body that is handed to the connection at once, in bytes.
///
/// hyper copies what it is handed, and takes the next part when the client has read most of the one before.
const PART: usize = 16 * 1024;

/// The body of a response.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    bytes: Bytes,
    /// The slot of a listing, taken until the last part of its response has been handed to the connection.
    slot: Option<ListingSlot>,
}

impl ResponseBody {
    /// Keeps the slot of a listing as long as the body is there.
    pub(crate) fn keep(&mut self, slot: ListingSlot) {
        self.slot = Some(slot);
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.bytes.len().min(PART);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(self.bytes.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

/// A response with a JSON body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(USUAL_LENGTH);
    serde_json::to_writer(&mut text, body).expect("a body is made of strings, numbers, arrays and objects");
    let mut response = with_body(text.into(), HeaderValue::from_static("application/json"));
    *response.status_mut() = status;
    response
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(ResponseBody { bytes: Bytes::new(), slot: None });
    *response.status_mut() = status;
    response
}

/// A response with status 200 and a body of a media type.
pub(crate) fn with_body(bytes: Bytes, media_type: HeaderValue) -> Response {
    let mut response = Response::new(ResponseBody { bytes, slot: None });
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
