//! Answers leave together.
//!
//! To send an answer may wake its reader, on the very processor that the next answer needs. So answers wait until every
//! request that has arrived on the same thread is dealt with, and leave one right after the other: whoever reads many of
//! them is woken once.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that writes once all others that are ready on its thread have had their turn.
pub(crate) struct Together<S> {
    stream: S,
    /// They have had it since there is something to write.
    waited: bool,
}

impl<S> Together<S> {
    pub(crate) fn new(stream: S) -> Together<S> {
        Together { stream, waited: false }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Together<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.waited {
            self.waited = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.waited = written.is_pending();
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    /// Whatever is written goes through here.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Together<S> {
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
    use std::{
        future::poll_fn,
        sync::mpsc::{Sender, channel},
    };

    /// Tells what is written, in the order in which it is.
    struct Told(Sender<String>);

    impl AsyncWrite for Told {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            // In halves, as a socket may take it.
            let taken = bytes.len().div_ceil(2);
            self.0.send(format!("sent {}", String::from_utf8_lossy(&bytes[..taken]))).expect("somebody listens");
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn nothing_is_sent_before_everybody_who_is_ready_was_dealt_with() {
        let (tell, told) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let answers = ["aA", "bB", "cC"].map(|answer| {
                let tell = tell.clone();
                tokio::spawn(async move {
                    tell.send(format!("made {answer}")).expect("somebody listens");
                    let (mut stream, mut rest) = (Together::new(Told(tell)), answer.as_bytes());
                    while !rest.is_empty() {
                        let sent = poll_fn(|context| Pin::new(&mut stream).poll_write(context, rest)).await;
                        rest = &rest[sent.expect("is sent")..];
                    }
                })
            });
            for answer in answers {
                answer.await.expect("ends");
            }
        });
        let order: Vec<_> = told.try_iter().collect();
        let (made, sent) =
            (["made aA", "made bB", "made cC"], ["sent a", "sent b", "sent c", "sent A", "sent B", "sent C"]);
        assert_eq!(order, [made.as_slice(), &sent].concat());
    }
}
