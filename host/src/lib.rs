//! The goproxy-edge component on an embedded Wasmtime, with a durable key-value store on the local disk.
//!
//! A [`Host`] gives the component what Spin gives it (`wasi:http`, `wasi:keyvalue`, `wasi:config` and
//! the rest of WASI 0.2) and puts an HTTP server in front. The rooms: `serve` has the connections and
//! their requests, `instance` the instances that answer them, `outgoing` what those ask of other
//! servers and `allowed` which, `engine` Wasmtime's own set-up, `kv` the store, `settings` and `log`
//! what goes in and out besides, `workshop` the threads for guests that work for long. [`Limits`] names
//! everything that is bounded, and why.

mod allowed;
mod bindings;
mod config;
mod engine;
mod error;
mod instance;
mod kv;
mod limits;
pub mod log;
mod outgoing;
mod serve;
mod settings;
mod workshop;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use config::{HostConfig, Preopen};
pub use error::Error;
pub use limits::Limits;
pub use serve::Tls;

/// A component that is ready to answer requests. Clones share everything.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

/// What all connections and requests use.
struct Shared {
    limits: Arc<Limits>,
    log: log::Sink,
    pool: instance::Pool,
    clock: Arc<engine::Clock>,
    workshop: workshop::Workshop,
    attempts: serve::attempts::Attempts,
    /// One permit a request.
    places: Arc<Semaphore>,
}

impl Host {
    /// Opens the store and compiles the component, or takes its code from the cache.
    ///
    /// # Errors
    /// When the store, the component or a folder cannot be used; the text is for a person.
    pub fn new(config: HostConfig) -> Result<Host, Error> {
        let limits = Arc::new(config.limits);
        let store = kv::Store::open(&config.store)?;
        let machine = engine::Machine::new(&limits, config.code_cache.as_deref())?;
        let component = machine.compile(&config.component)?;
        let ingredients = instance::Ingredients {
            settings: Arc::new(config.settings),
            environment: config.environment,
            preopens: config.preopens,
            kv: kv::KvState {
                store,
                labels: config
                    .store_labels
                    .iter()
                    .map(|label| Arc::from(label.as_str()))
                    .collect(),
            },
            outgoing: outgoing::Client::new(&config.allowed_outbound_hosts, config.log.clone())?,
            sink: config.log.clone(),
            limits: limits.clone(),
        };
        let pool = instance::Pool::new(&machine, &component, ingredients)?;
        let places = Arc::new(Semaphore::new(limits.concurrent_requests as usize));
        let workshop = workshop::Workshop::new()?;
        let shared = Shared {
            limits,
            log: config.log,
            pool,
            clock: machine.clock,
            workshop,
            attempts: serve::attempts::Attempts::default(),
            places,
        };
        Ok(Host {
            shared: Arc::new(shared),
        })
    }

    /// Bytes of linear memory of the largest instance that has been so far.
    pub fn largest_instance(&self) -> usize {
        self.shared.pool.largest_instance()
    }

    /// Answers requests until `shutdown` is ready; then takes no more, finishes those under way, and
    /// returns. With `tls` it speaks https, else http; both as HTTP/1.1.
    pub async fn serve(
        &self,
        listener: TcpListener,
        tls: Option<Tls>,
        shutdown: impl Future<Output = ()>,
    ) {
        serve::serve(self.shared.clone(), listener, tls, shutdown).await;
    }
}
