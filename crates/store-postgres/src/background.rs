//! The runtime of the connections.

use crate::{
    error::OpenError,
    session::{Connector, Database},
};
use tokio::runtime::{Builder, Handle, Runtime};

/// The runtime that serves connections and runs the writers: callers may come from any other one.
pub(crate) struct Background(Option<Runtime>);

impl Background {
    pub(crate) fn start() -> Result<Background, OpenError> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("postgres").enable_all().build();
        Ok(Background(Some(runtime.map_err(OpenError::Thread)?)))
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.0.as_ref().expect("the runtime is there until it is dropped").handle()
    }

    pub(crate) fn connector(&self, database: &Database) -> Result<Connector, OpenError> {
        Connector::new(database, self.handle().clone())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A runtime may not wait for its end on a thread of another one.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
