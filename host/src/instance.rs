//! Instances of the component: what one has at hand, and the pool from which requests take them.
//!
//! An instance answers one request after the other, since a fresh one costs far more than a
//! request (7,000 requests a second instead of 50,000). It is dropped when its guest failed or was
//! cut off, when its memory has grown, and when it kept something of a request.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::HeaderName;
use tokio::sync::oneshot;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{ResourceLimiter, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p2::body::{HostIncomingBody, HostOutgoingBody, HyperOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingRequest, HostIncomingResponse, HostOutgoingRequest,
    HostOutgoingResponse, HostResponseOutparam,
};
use wasmtime_wasi_http::{
    RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::config::Preopen;
use crate::engine::Machine;
use crate::kv::{KvState, KvView};
use crate::log::{self, GuestOutput, Source};
use crate::outgoing::{self, Sending};
use crate::serve::Activity;
use crate::serve::body::RequestBody;
use crate::settings::{self, Settings};
use crate::{Error, Limits};

/// An instance may keep standard streams, preopened folders and the like from request to request,
/// but not ever more of them.
const KEPT_RESOURCES: usize = 64;

/// Chunks of a response that may wait for the client, each of at most 1 MiB. With one, a zip from
/// the store reached 80 % of what plain hyper sends, with four 95 %.
const WAITING_CHUNKS: usize = 4;

/// The head of a guest's answer, or why it gives none.
pub(crate) type Head = Result<hyper::Response<HyperOutgoingBody>, ErrorCode>;

/// How a guest sends the head of its answer.
pub(crate) type Answer = oneshot::Sender<Head>;

/// What every instance is made of.
pub(crate) struct Ingredients {
    pub settings: Settings,
    pub environment: Vec<(String, String)>,
    pub preopens: Vec<Preopen>,
    pub kv: KvState,
    pub outgoing: outgoing::Client,
    pub sink: log::Sink,
    pub limits: Arc<Limits>,
}

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    table: ResourceTable,
    kv: KvState,
    settings: Settings,
    memory: Memory,
    outputs: [GuestOutput; 2],
}

/// The way to other servers, and for whom the guest goes it.
struct Hooks {
    outgoing: outgoing::Client,
    activity: Option<Arc<Activity>>,
}

/// Header fields that belong to a connection, or to the host. A constant is made anew each time that it
/// is looked at, and this is looked at for each field of a request and of its answer.
static FORBIDDEN_HEADERS: [HeaderName; 9] = wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        FORBIDDEN_HEADERS.contains(name)
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _done: Sending<()>,
    ) -> Sending<(http::Response<WasiBody>, Sending<()>)> {
        self.outgoing
            .send(request, options.unwrap_or_default(), self.activity.clone())
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        WAITING_CHUNKS
    }
}

/// Bounds an instance's memory, and remembers how much it took.
struct Memory {
    limit: usize,
    bytes: usize,
    /// The most that any instance of the pool took.
    most: Arc<AtomicUsize>,
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= self.limit;
        if granted {
            self.bytes = self.bytes.max(desired);
            self.most.fetch_max(desired, Ordering::Relaxed);
        }
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The pool's own limit on tables holds.
        Ok(true)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

/// One instance, which answers one request at a time.
pub(crate) struct Instance {
    store: Store<State>,
    proxy: Proxy,
}

impl Instance {
    /// Lets the guest answer a request. It may go on after its answer is out; what is left of the
    /// request is gone when this returns. After an error the instance is dead.
    pub async fn answer(
        &mut self,
        scheme: Scheme,
        request: http::Request<RequestBody>,
        client: IpAddr,
        activity: Arc<Activity>,
        answer: Answer,
    ) -> wasmtime::Result<()> {
        self.store.set_epoch_deadline(1);
        let state = self.store.data_mut();
        for output in &state.outputs {
            output.begin(Some(client));
        }
        state.hooks.activity = Some(activity);
        let mut http = state.http();
        let request = http.new_incoming_request(scheme, request)?;
        let answer = http.new_response_outparam(answer)?;
        let handler = self.proxy.wasi_http_incoming_handler();
        handler
            .call_handle(&mut self.store, request, answer)
            .await?;
        let state = self.store.data_mut();
        state.hooks.activity = None;
        for output in &state.outputs {
            output.begin(None);
        }
        if state
            .table
            .iter_mut()
            .any(|entry| entry.is::<HostOutgoingBody>())
        {
            // Dropped with the instance it would look complete to the client.
            return Err(wasmtime::Error::msg(
                "the guest left the body of its answer unfinished",
            ));
        }
        Ok(())
    }

    /// Whether nothing of the request is left, and it did not take much memory.
    fn is_as_new(&mut self, limits: &Limits) -> bool {
        let state = self.store.data_mut();
        let mut kept = 0;
        let of_a_request = state.table.iter_mut().any(|entry| {
            kept += 1;
            entry.is::<HostIncomingRequest>()
                || entry.is::<HostIncomingBody>()
                || entry.is::<HostOutgoingResponse>()
                || entry.is::<HostResponseOutparam>()
                || entry.is::<HostOutgoingRequest>()
                || entry.is::<HostFutureIncomingResponse>()
                || entry.is::<HostIncomingResponse>()
        });
        !of_a_request && kept <= KEPT_RESOURCES && state.memory.bytes <= limits.kept_instance_memory
    }
}

/// Makes instances, and keeps the idle ones.
pub(crate) struct Pool {
    component: ProxyPre<State>,
    ingredients: Ingredients,
    idle: Mutex<Vec<Instance>>,
    most: Arc<AtomicUsize>,
}

impl Pool {
    pub fn new(
        machine: &Machine,
        component: &Component,
        ingredients: Ingredients,
    ) -> Result<Pool, Error> {
        let wrong = |error: wasmtime::Error| Error::Component(format!("{error:#}"));
        let mut linker = Linker::<State>::new(&machine.engine);
        link(&mut linker).map_err(wrong)?;
        let ready = linker.instantiate_pre(component).map_err(wrong)?;
        let component = ProxyPre::new(ready).map_err(wrong)?;
        for preopen in &ingredients.preopens {
            preopen.check()?;
        }
        Ok(Pool {
            component,
            ingredients,
            idle: Mutex::default(),
            most: Arc::default(),
        })
    }

    /// Bytes of linear memory of the largest instance so far.
    pub fn largest_instance(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// The instance that was used last, whose memory is still in the processor's caches, or a new one.
    pub async fn take(&self) -> wasmtime::Result<Instance> {
        if let Some(instance) = self.idle().pop() {
            return Ok(instance);
        }
        self.make().await
    }

    /// Keeps an instance for the next request, if it is fit for one.
    pub fn put_back(&self, mut instance: Instance) {
        let limits = &self.ingredients.limits;
        if instance.is_as_new(limits) {
            let mut idle = self.idle();
            if idle.len() < limits.idle_instances {
                idle.push(instance);
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.idle
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }

    async fn make(&self) -> wasmtime::Result<Instance> {
        let mut store = Store::new(self.component.engine(), self.state()?);
        store.limiter(|state| &mut state.memory);
        store.epoch_deadline_async_yield_and_update(1);
        let proxy = self.component.instantiate_async(&mut store).await?;
        Ok(Instance { store, proxy })
    }

    fn state(&self) -> wasmtime::Result<State> {
        let from = &self.ingredients;
        let outputs = [Source::Stdout, Source::Stderr]
            .map(|source| GuestOutput::new(source, from.sink.clone()));
        let mut wasi = WasiCtx::builder();
        wasi.envs(&from.environment)
            .stdout(outputs[0].clone())
            .stderr(outputs[1].clone())
            .allow_blocking_current_thread(true);
        for preopen in &from.preopens {
            let permissions = if preopen.writable {
                FsPerms::ReadWrite
            } else {
                FsPerms::ReadOnly
            };
            wasi.preopened_dir(&preopen.host, &preopen.guest, permissions)?;
        }
        Ok(State {
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks {
                outgoing: from.outgoing.clone(),
                activity: None,
            },
            table: ResourceTable::new(),
            kv: from.kv.clone(),
            settings: from.settings.clone(),
            memory: Memory {
                limit: from.limits.instance_memory,
                bytes: 0,
                most: self.most.clone(),
            },
            outputs,
        })
    }
}

/// What Spin gives a component, less its own interfaces. Sockets are there, as the guest's standard
/// library may import them, but nothing can be reached through them.
fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    crate::kv::link(linker, |state: &mut State| KvView {
        state: &state.kv,
        table: &mut state.table,
    })?;
    settings::link(linker, |state: &mut State| settings::View(&state.settings))
}
