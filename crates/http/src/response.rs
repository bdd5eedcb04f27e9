//! Responses.

use http_body_util::Full;
use hyper::{
    StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;

/// A response; its body is in memory as a whole.
pub(crate) type Response = hyper::Response<Full<Bytes>>;

/// The initial capacity for a body, in bytes: nearly every response fits, and a longer one is copied as it grows.
const USUAL_LENGTH: usize = 1024;

/// A response with a JSON body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(USUAL_LENGTH);
    serde_json::to_writer(&mut text, body).expect("a body is made of strings, numbers, arrays and objects");
    let mut response = with_body(text.into(), HeaderValue::from_static("application/json"));
    *response.status_mut() = status;
    response
}

/// A response with status 200 and a body of a media type.
pub(crate) fn with_body(body: Bytes, media_type: HeaderValue) -> Response {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
