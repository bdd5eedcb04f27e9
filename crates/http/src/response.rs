//! Responses.

use crate::file_body::FileBody;
use carnelian_app::ListingSlot;
use hyper::{
    StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;
use std::{
    fs::File,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A response; its body is in memory as a whole, unless it is a file.
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
    /// What follows these bytes. Boxed, because few responses have it.
    file: Option<Box<FileBody>>,
    /// The slot of a listing, taken until the last part of its response has been handed to the connection.
    slot: Option<ListingSlot>,
}

impl ResponseBody {
    fn new(bytes: Bytes) -> ResponseBody {
        ResponseBody { bytes, file: None, slot: None }
    }

    fn left_in_file(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.left())
    }

    /// Keeps the slot of a listing as long as the body is there.
    pub(crate) fn keep(&mut self, slot: ListingSlot) {
        self.slot = Some(slot);
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.bytes.is_empty()
            && let Some(file) = &mut self.file
        {
            match ready!(file.poll_next(context)) {
                Some(Ok(bytes)) => self.bytes = bytes,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {}
            }
        }
        let length = self.bytes.len().min(PART);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(self.bytes.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.left_in_file() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64 + self.left_in_file())
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
    let mut response = Response::new(ResponseBody::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A response with status 200 and a body of a media type.
pub(crate) fn with_body(bytes: Bytes, media_type: HeaderValue) -> Response {
    let mut response = Response::new(ResponseBody::new(bytes));
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// A response with status 200 and the first `bytes` of a file, to be saved under a name.
pub(crate) fn file(file: File, bytes: u64, name: &str) -> Response {
    let mut response = with_body(Bytes::new(), HeaderValue::from_static("application/octet-stream"));
    response.body_mut().file = Some(Box::new(FileBody::new(file, bytes)));
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let disposition = disposition.expect("the names of files are made of letters, digits, dots and dashes");
    response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_body_is_handed_over_in_parts_that_are_the_whole_of_it() {
        let mut context = Context::from_waker(Waker::noop());
        for length in [0, 1, PART - 1, PART, PART + 1, 2 * PART - 1, 2 * PART, 2 * PART + 1] {
            let whole: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut body = with_body(whole.clone().into(), HeaderValue::from_static("text/plain")).into_body();
            let (mut taken, mut parts) = (Vec::new(), 0);
            while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
                let part = frame.into_data().expect("data");
                assert!(!part.is_empty() && part.len() <= PART, "{length}: a part of {}", part.len());
                taken.extend_from_slice(&part);
                parts += 1;
                assert_eq!(body.size_hint().exact(), Some((length - taken.len()) as u64), "{length}");
                assert_eq!(body.is_end_stream(), taken.len() == length, "{length}");
            }
            assert!(taken == whole, "{length}");
            assert_eq!(parts, length.div_ceil(PART), "{length}");
        }
    }
}
