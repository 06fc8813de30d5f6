//! Wasmtime, set up once a host: code, memory slots, and the clock that stops guests.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use wasmtime::component::Component;
use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
};

use crate::{Error, Limits};

/// How often a running guest lets others have its thread, and its time is looked at.
const TICK: Duration = Duration::from_millis(20);

/// What one component instance may take from the pool. Ours has one memory and, with the two small
/// modules that the component format adds, three core instances.
const CORE_INSTANCES: u32 = 8;
const MEMORIES: u32 = 1;
const TABLES: u32 = 4;

/// Slots beyond the allowed number of requests, for instances that are just being dropped.
const SPARE_INSTANCES: u32 = 8;

/// Milliseconds since the host started, [`TICK`] coarse: reading it is one load, where a request
/// would otherwise ask the operating system several times.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    now: AtomicU64,
}

impl Clock {
    fn new() -> Self {
        Clock {
            started: Instant::now(),
            now: AtomicU64::new(0),
        }
    }

    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn tick(&self) {
        let now = self
            .started
            .elapsed()
            .as_millis()
            .try_into()
            .unwrap_or(u64::MAX);
        self.now.store(now, Ordering::Relaxed);
    }
}

/// The engine, and its clock, which ticks as long as someone holds it.
pub(crate) struct Machine {
    pub engine: Engine,
    pub clock: Arc<Clock>,
}

impl Machine {
    /// Compiled code is kept under `cache`, so that the next start need not compile.
    pub fn new(limits: &Limits, cache: Option<&Path>) -> Result<Machine, Error> {
        let broken = |error: wasmtime::Error| Error::Component(format!("{error:#}"));
        let engine = Engine::new(&config(limits, cache)).map_err(broken)?;
        let clock = Arc::new(Clock::new());
        start_ticking(engine.clone(), Arc::downgrade(&clock))?;
        Ok(Machine { engine, clock })
    }

    pub fn compile(&self, component: &[u8]) -> Result<Component, Error> {
        Component::new(&self.engine, component)
            .map_err(|error| Error::Component(format!("{error:#}")))
    }
}

fn config(limits: &Limits, cache: Option<&Path>) -> Config {
    let instances = limits.concurrent_requests + SPARE_INSTANCES;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_core_instances(instances * CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .total_memories(instances * MEMORIES)
        .max_tables_per_component(TABLES)
        .total_tables(instances * TABLES)
        .total_stacks(instances)
        .max_memory_size(limits.instance_memory)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(16 << 10);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        // An instance answers one request at a time; with the support for more, the same host
        // answered 33,000 requests a second instead of 50,000.
        .concurrency_support(false);
    if let Some(folder) = cache {
        let mut cache_config = CacheConfig::new();
        cache_config.with_directory(folder);
        // Without a cache every start compiles, which takes a quarter of a second: no reason to fail.
        config.cache(Cache::new(cache_config).ok());
    }
    config
}

fn start_ticking(engine: Engine, clock: Weak<Clock>) -> Result<(), Error> {
    let tick = move || {
        while let Some(clock) = clock.upgrade() {
            clock.tick();
            engine.increment_epoch();
            drop(clock);
            std::thread::sleep(TICK);
        }
    };
    let thread = std::thread::Builder::new().name("guest-clock".into());
    thread.spawn(tick).map(drop).map_err(Error::Threads)
}
