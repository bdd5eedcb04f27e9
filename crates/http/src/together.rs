//! Answers leave together.
//!
//! To send an answer may wake its reader, on the very processor that the next answer needs. So answers wait until every
//! request that has arrived on the same thread is dealt with, and leave one right after the other: whoever reads many of
//! them is woken once.

use std::task::{Context, Poll};

/// Whether all others that are ready on the thread have had their turn since there is something to write.
#[derive(Default)]
pub(crate) struct Turn {
    came: bool,
}

impl Turn {
    /// Waits for it, before something is written.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.came {
            return Poll::Ready(());
        }
        self.came = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// It is over: something was written.
    pub(crate) fn end(&mut self) {
        self.came = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, future::poll_fn, rc::Rc};
    use tokio::task::LocalSet;

    #[test]
    fn nothing_is_sent_before_everybody_who_is_ready_was_dealt_with() {
        let told = Rc::new(RefCell::new(Vec::new()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        LocalSet::new().block_on(&runtime, async {
            let answers = ["a", "b", "c"].map(|answer| {
                let told = told.clone();
                tokio::task::spawn_local(async move {
                    let mut turn = Turn::default();
                    told.borrow_mut().push(format!("made {answer}"));
                    for part in 1..=2 {
                        poll_fn(|context| turn.poll(context)).await;
                        told.borrow_mut().push(format!("sent {answer}{part}"));
                        turn.end();
                    }
                })
            });
            for answer in answers {
                answer.await.expect("ends");
            }
        });
        let made = ["made a", "made b", "made c"];
        let sent = ["sent a1", "sent b1", "sent c1", "sent a2", "sent b2", "sent c2"];
        assert_eq!(*told.borrow(), [made.as_slice(), &sent].concat());
    }
}
