//! The threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on the thread that it was given to. One runtime over all threads would move work to whichever is
//! free, and on few cores the waking of threads for that costs more than it evens out.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// How long what still runs on a thread may take once the server has stopped.
const END: Duration = Duration::from_millis(100);

/// The threads; dropping them ends what runs on them.
pub(crate) struct Workers(Vec<Worker>);

struct Worker {
    runtime: Handle,
    /// Held once for every connection of the thread.
    load: Arc<()>,
    stop: Option<oneshot::Sender<()>>,
    ended: Receiver<()>,
}

impl Workers {
    pub(crate) fn start(count: usize) -> io::Result<Workers> {
        (0..count.max(1)).map(|_| Worker::start()).collect::<io::Result<_>>().map(Workers)
    }

    /// Has the least busy thread serve a connection.
    pub(crate) fn serve<F: Future<Output = ()> + Send + 'static>(&self, connection: F) {
        let least = self.0.iter().min_by_key(|worker| Arc::strong_count(&worker.load));
        if let Some(worker) = least {
            let load = worker.load.clone();
            worker.runtime.spawn(async move {
                connection.await;
                drop(load);
            });
        }
    }
}

impl Worker {
    fn start() -> io::Result<Worker> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = mpsc::channel();
        let work = move || {
            // An error means that the other end is gone, which is as good a reason to stop.
            let _ = runtime.block_on(stopped);
            drop(runtime);
            drop(end);
        };
        thread::Builder::new().name("http".into()).spawn(work)?;
        Ok(Worker { runtime: handle, load: Arc::new(()), stop: Some(stop), ended })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|worker| drop(worker.stop.take()));
        for worker in &self.0 {
            // Nothing is ever sent: this waits until the thread has let go of everything.
            let _ = worker.ended.recv_timeout(END);
        }
    }
}
