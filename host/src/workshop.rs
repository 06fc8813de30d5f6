//! Threads for guests that work for long: checking an upload takes seconds.
//!
//! A guest keeps its thread until the engine's clock makes it yield. Among the connections, a few such
//! guests would have everybody else wait for hundreds of milliseconds; here the operating system
//! shares the processors between them and the connections.

use tokio::runtime::{Builder, Runtime};

use crate::Error;

pub(crate) struct Workshop(Option<Runtime>);

impl Workshop {
    pub fn new() -> Result<Workshop, Error> {
        let runtime = Builder::new_multi_thread()
            .thread_name("guest-workshop")
            .enable_all()
            // Turns are long here: look at sockets and timers after each.
            .event_interval(1)
            .build();
        Ok(Workshop(Some(runtime.map_err(Error::Threads)?)))
    }

    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            runtime.spawn(work);
        }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // The plain drop would wait for the threads, which a task of another runtime must not.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
