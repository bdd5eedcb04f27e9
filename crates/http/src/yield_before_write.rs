//! Delays the write of a response until the thread has handled every request that has arrived.
//!
//! Writing a response can wake the client, on the same core if server and client share a machine, while other requests are
//! ready to be handled. So a connection yields once to its thread before it writes: the responses to all requests that are
//! ready are then written one after the other, and a client with many connections is woken once.

use std::task::{Context, Poll};

/// Yields once to the thread before each write.
#[derive(Default)]
pub(crate) struct YieldBeforeWrite {
    has_yielded: bool,
}

impl YieldBeforeWrite {
    /// Ready once the thread has polled all other tasks that were ready.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.has_yielded {
            return Poll::Ready(());
        }
        self.has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ends a write: the next one yields again.
    pub(crate) fn reset(&mut self) {
        self.has_yielded = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, future::poll_fn, rc::Rc};
    use tokio::task::LocalSet;

    #[test]
    fn nothing_is_written_before_all_ready_requests_are_handled() {
        let events = Rc::new(RefCell::new(Vec::new()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be built");
        LocalSet::new().block_on(&runtime, async {
            let connections = ["a", "b", "c"].map(|name| {
                let events = events.clone();
                tokio::task::spawn_local(async move {
                    let mut before_write = YieldBeforeWrite::default();
                    events.borrow_mut().push(format!("handled {name}"));
                    for part in 1..=2 {
                        poll_fn(|context| before_write.poll(context)).await;
                        events.borrow_mut().push(format!("wrote {name}{part}"));
                        before_write.reset();
                    }
                })
            });
            for connection in connections {
                connection.await.expect("the task ends");
            }
        });
        let handled = ["handled a", "handled b", "handled c"];
        let written = ["wrote a1", "wrote b1", "wrote c1", "wrote a2", "wrote b2", "wrote c2"];
        assert_eq!(*events.borrow(), [handled.as_slice(), &written].concat());
    }
}
