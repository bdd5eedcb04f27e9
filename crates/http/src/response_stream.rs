//! The byte stream of a connection, with three changes to how responses are written:
//!
//! * A response is written after the thread has handled all requests that have arrived ([`YieldBeforeWrite`]).
//! * A client that reads nothing for too long, or too slowly, is disconnected ([`WritePace`]); hyper would wait for it
//!   without a limit.
//! * hyper's own responses get the body that every error of the API has.
//!
//! The last one works on bytes because hyper offers no other way: it answers a message that it cannot parse with 400 or 431
//! and an empty body, before it calls the service, and has no option to change that. Its responses are recognized by what
//! they lack, a body and the `x-request-id` header that every response of the pipeline has.

use crate::{service::Service, write_pace::WritePace, yield_before_write::YieldBeforeWrite};
use carnelian_domain::Problem;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The start of the header line that every response of the pipeline has.
const REQUEST_ID_LINE: &[u8] = b"\r\nx-request-id: ";

/// A stream that carries requests and responses.
pub(crate) struct ResponseStream<S> {
    stream: S,
    service: Arc<Service>,
    /// A response that replaces one of hyper's, and how many bytes of it have been written.
    replacement: Option<(Vec<u8>, usize)>,
    before_write: YieldBeforeWrite,
    pace: WritePace,
}

impl<S> ResponseStream<S> {
    /// Wraps a stream; a client may read nothing for `write_timeout`.
    pub(crate) fn new(stream: S, service: Arc<Service>, write_timeout: Duration) -> ResponseStream<S> {
        let before_write = YieldBeforeWrite::default();
        ResponseStream { stream, service, replacement: None, before_write, pace: WritePace::new(write_timeout) }
    }
}

impl<S: AsyncWrite + Unpin> ResponseStream<S> {
    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.replacement.is_none() {
            match problem_reported_by_hyper(bytes) {
                None => return Pin::new(&mut self.stream).poll_write(context, bytes),
                Some(problem) => self.replacement = Some((self.service.refuse(problem), 0)),
            }
        }
        while let Some((response, written)) = &mut self.replacement {
            *written += ready!(Pin::new(&mut self.stream).poll_write(context, &response[*written..]))?;
            if *written == response.len() {
                self.replacement = None;
            }
        }
        // hyper's own response counts as written.
        Poll::Ready(Ok(bytes.len()))
    }
}

/// The problem that a response by hyper itself reports; `None` for a response of the pipeline.
fn problem_reported_by_hyper(written: &[u8]) -> Option<Problem> {
    // hyper answers in the version of the connection's previous request.
    let status = written.strip_prefix(b"HTTP/1.1 ").or_else(|| written.strip_prefix(b"HTTP/1.0 "))?;
    if !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    if written.windows(REQUEST_ID_LINE.len()).any(|window| window == REQUEST_ID_LINE) {
        return None;
    }
    match status.get(..3)? {
        b"431" => Some(Problem::HeadersTooLarge),
        [b'4', ..] => Some(Problem::MalformedRequest),
        _ => None,
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ResponseStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.before_write.poll(context));
        let outcome = self.write(context, bytes);
        if outcome.is_ready() {
            self.before_write.reset();
        }
        self.pace.after_write(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.pace.after_flush(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS writes a closing message.
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.pace.after_flush(context, outcome)
    }

    /// False, so that hyper passes each response in one buffer and a write starts where a response starts.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ResponseStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_error_responses_without_body_and_request_id_come_from_hyper() {
        let reported = |text: &str| problem_reported_by_hyper(text.as_bytes());
        let malformed = Some(Problem::MalformedRequest);
        assert_eq!(reported("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), malformed);
        assert_eq!(reported("HTTP/1.0 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), malformed);
        assert_eq!(reported("HTTP/1.1 431 Too Large\r\n\r\n"), Some(Problem::HeadersTooLarge));
        assert_eq!(reported("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"), None);
        assert_eq!(reported("HTTP/1.1 100 Continue\r\n\r\n"), None);
        // A response to HEAD has no body.
        assert_eq!(reported("HTTP/1.1 404 Not Found\r\nx-request-id: 1\r\ncontent-length: 28\r\n\r\n"), None);
    }
}
