//! The threads that serve connections, each with an async runtime of its own.
//!
//! There are as many threads as cores. A connection stays on the thread that had the fewest connections when it was
//! accepted. One runtime over all threads would move tasks to idle threads, and with two cores waking threads for that
//! costs more than an even load gains. The main thread accepts connections, handles signals and watches the directory.

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

/// How long a thread may take to end once the server has stopped.
const END_TIMEOUT: Duration = Duration::from_millis(100);

/// The threads; dropping them cancels their connections.
pub(crate) struct Workers(Vec<Worker>);

struct Worker {
    runtime: Handle,
    /// Cloned for every connection of the thread, so its count is their number.
    load: Arc<()>,
    stop: Option<oneshot::Sender<()>>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl Workers {
    /// Starts `count` threads, and at least one.
    pub(crate) fn start(count: usize) -> io::Result<Workers> {
        (0..count.max(1)).map(|_| Worker::start()).collect::<io::Result<_>>().map(Workers)
    }

    /// Spawns the task of a connection on the thread with the fewest connections.
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, connection: F) {
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
            // Fails if `Workers` is gone, which stops the thread as well.
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
            // Nothing is ever sent: this waits until the thread has dropped its runtime.
            let _ = worker.ended.recv_timeout(END_TIMEOUT);
        }
    }
}
