//! Answers to what is not an HTTP request, and an end to whoever does not read answers.
//!
//! hyper answers a malformed message itself, with an empty body, before any code of ours is called. A client of this API
//! expects the error envelope, so this wrapper puts it in the place of hyper's answer. hyper also waits for ever for a
//! client to read; this wrapper does not, so that nobody can hold a connection for good.

use crate::{service::Service, together::Turn};
use carnelian_domain::Problem;
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// The header that every answer of ours has.
const REQUEST_ID_LINE: &[u8] = b"\r\nx-request-id: ";

/// A stream that puts our envelope in the place of hyper's own answers.
pub(crate) struct Enveloping<S> {
    stream: S,
    service: Arc<Service>,
    /// An envelope that is being written, and how much of it is.
    envelope: Option<(Vec<u8>, usize)>,
    /// When to write.
    turn: Turn,
    /// How long the client may take to read.
    patience: Duration,
    /// Runs while the client reads nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Enveloping<S> {
    pub(crate) fn new(stream: S, service: Arc<Service>, patience: Duration) -> Enveloping<S> {
        Enveloping { stream, service, envelope: None, turn: Turn::default(), patience, stalled: None }
    }

    /// Passes on what came of a write, and gives up on a client that has read nothing for too long.
    fn within_patience<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> Enveloping<S> {
    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.envelope.is_none() {
            match own_answer(bytes) {
                None => return Pin::new(&mut self.stream).poll_write(context, bytes),
                Some(problem) => self.envelope = Some((self.service.refuse(problem), 0)),
            }
        }
        while let Some((envelope, written)) = &mut self.envelope {
            *written += ready!(Pin::new(&mut self.stream).poll_write(context, &envelope[*written..]))?;
            if *written == envelope.len() {
                self.envelope = None;
            }
        }
        // To hyper its own answer has been written.
        Poll::Ready(Ok(bytes.len()))
    }
}

/// The problem behind an answer that hyper gave on its own: it has no body, and not the header that all of ours have.
fn own_answer(written: &[u8]) -> Option<Problem> {
    // After a request of the old version hyper answers in that version.
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Enveloping<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll(context));
        let outcome = self.write(context, bytes);
        if outcome.is_ready() {
            self.turn.end();
        }
        self.within_patience(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.within_patience(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // With TLS there is something to write, that this is the end.
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.within_patience(context, outcome)
    }

    /// One buffer per answer, so that the beginning of a write is the beginning of an answer.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Enveloping<S> {
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
    fn only_answers_without_a_body_are_replaced() {
        let own = |text: &str| own_answer(text.as_bytes());
        let malformed = Some(Problem::MalformedRequest);
        assert_eq!(own("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), malformed);
        assert_eq!(own("HTTP/1.0 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), malformed);
        assert_eq!(own("HTTP/1.1 431 Too Large\r\n\r\n"), Some(Problem::HeadersTooLarge));
        assert_eq!(own("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"), None);
        assert_eq!(own("HTTP/1.1 100 Continue\r\n\r\n"), None);
        // The answer to HEAD.
        assert_eq!(own("HTTP/1.1 404 Not Found\r\nx-request-id: 1\r\ncontent-length: 28\r\n\r\n"), None);
    }
}
