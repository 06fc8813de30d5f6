//! The one room that touches a host: HTTP in and out, streams, key-value, files, configuration, clock
//! and chance, by WASI 0.2 and, in a flavour, the draft interfaces of its host.

mod body;
#[cfg(any(feature = "spin", feature = "wasmcloud"))]
mod draft;
mod files;
#[cfg(any(feature = "s3", feature = "oidc"))]
mod outgoing;
mod respond;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use wasi::clocks::wall_clock;
use wasi::http::types::{IncomingRequest, Method as WasiMethod, ResponseOutparam};
use wasi::random::random::get_random_u64;

use crate::edge::{self, Answer, Host};
#[cfg(any(feature = "s3", feature = "oidc"))]
use crate::http::client::Client;
use crate::http::{Headers, Method, Request};
use crate::settings::{self, Log, NoSettings, Settings};
use crate::store::Entropy;
use crate::store::Error;
use crate::store::dir::Disk;
#[cfg(feature = "wasmcloud")]
use crate::store::kv::Blobs;
use crate::store::kv::KeyValue;

use respond::Broken;

struct Component;

wasi::http::proxy::export!(Component);

impl wasi::exports::http::incoming_handler::Guest for Component {
    fn handle(incoming: IncomingRequest, out: ResponseOutparam) {
        let begun = Instant::now();
        let host = WasiHost {
            begun,
            incoming: &incoming,
        };
        let mut request = request_of(&incoming);
        let Answer {
            response,
            log,
            cause,
        } = edge::handle(&host, &mut request);
        let status = response.status;
        let sent = respond::send(response, out);
        let failed = status >= 500 || matches!(sent.broken, Some(Broken::Source(_)));
        if log == Log::Info || log == Log::Error && failed {
            // No floating point: formatting it costs 20 KB.
            let elapsed = begun.elapsed();
            let tenths = elapsed.as_secs() * 10_000 + u64::from(elapsed.subsec_micros() / 100);
            let (whole, tenth) = (tenths / 10, tenths % 10);
            let bytes = sent.bytes;
            let cause = cause.map_or_else(String::new, |cause| format!(" {cause}"));
            let broken = sent
                .broken
                .map_or_else(String::new, |why| format!(" {why}"));
            let (method, path) = (request.method.as_str(), request.path());
            let line = format!("{method} {path} {status} {bytes} {whole}.{tenth}{cause}{broken}\n");
            // A log that can't be written stops nobody.
            let _ = std::io::stdout().write_all(line.as_bytes());
        }
        if let Some(work) = sent.afterwards {
            work();
        }
    }
}

/// What the host has of a request, its body apart, which is read when it is needed.
fn request_of(request: &IncomingRequest) -> Request {
    let method = match request.method() {
        WasiMethod::Get => Method::Get,
        WasiMethod::Head => Method::Head,
        WasiMethod::Put => Method::Put,
        WasiMethod::Post => Method::Post,
        WasiMethod::Delete => Method::Delete,
        WasiMethod::Connect => Method::Other("CONNECT".to_owned()),
        WasiMethod::Options => Method::Other("OPTIONS".to_owned()),
        WasiMethod::Trace => Method::Other("TRACE".to_owned()),
        WasiMethod::Patch => Method::Other("PATCH".to_owned()),
        WasiMethod::Other(name) => Method::Other(name),
    };
    let target = request.path_with_query().unwrap_or_default();
    let headers = Headers::new(request.headers().entries());
    let mut taken = Request {
        method,
        target,
        headers,
        body: Box::new(std::io::empty()),
    };
    if !taken.method.is_read() {
        let length = taken.content_length();
        if let Ok(body) = request.consume() {
            taken.body = Box::new(body::Incoming::new(body, length));
        }
    }
    taken
}

/// The settings in the environment, which never changes while an instance lives.
static ENVIRONMENT: OnceLock<Vec<(String, String)>> = OnceLock::new();

fn environment() -> Vec<(String, String)> {
    let variables = settings::NAMES.iter().filter_map(|name| {
        let variable = format!("GOPROXY_EDGE_{}", name.to_ascii_uppercase());
        let value = std::env::var(variable).ok()?;
        Some(((*name).to_owned(), value))
    });
    variables.collect()
}

/// Names and values, of which later ones win and empty ones count for nothing.
fn values() -> Result<Vec<(String, String)>, NoSettings> {
    let values = ENVIRONMENT.get_or_init(environment).iter().cloned();
    #[cfg(any(feature = "spin", feature = "wasmcloud"))]
    let values = values.chain(draft::configuration().ok_or(NoSettings::Untold)?);
    Ok(values.collect())
}

/// For how long what the host configured is taken to hold. Most hosts make an instance a request; where
/// one is used again, asking the host each time cost a tenth of a hit.
const SETTINGS_HOLD: Duration = Duration::from_secs(1);

/// When the host was asked, what it said, and what that was read as.
struct LastRead {
    at: Instant,
    values: Vec<(String, String)>,
    settings: Rc<Settings>,
}

thread_local! {
    static LAST_READ: RefCell<Option<LastRead>> = const { RefCell::new(None) };
}

fn read_settings(now: Instant) -> Result<Rc<Settings>, NoSettings> {
    LAST_READ.with_borrow_mut(|last| {
        let holds = |last: &&LastRead| now.duration_since(last.at) < SETTINGS_HOLD;
        if let Some(last) = last.as_ref().filter(holds) {
            return Ok(Rc::clone(&last.settings));
        }
        let values = values()?;
        let settings = match last.take().filter(|last| last.values == values) {
            Some(last) => last.settings,
            None => Rc::new(Settings::read(values.iter().cloned())?),
        };
        *last = Some(LastRead {
            at: now,
            values,
            settings: Rc::clone(&settings),
        });
        Ok(settings)
    })
}

/// The host that runs us, while it has us answer one request.
struct WasiHost<'a> {
    begun: Instant,
    #[cfg_attr(not(feature = "s3"), expect(dead_code))]
    incoming: &'a IncomingRequest,
}

impl Host for WasiHost<'_> {
    #[cfg(feature = "admin")]
    fn begun(&self) -> Instant {
        self.begun
    }

    #[cfg(feature = "s3")]
    fn authority(&self, _: &Request) -> Option<String> {
        self.incoming.authority()
    }

    fn settings(&self) -> Result<Rc<Settings>, NoSettings> {
        read_settings(self.begun)
    }

    #[cfg(any(feature = "spin", feature = "wasmcloud"))]
    fn key_value(&self, bucket: &str) -> Result<Rc<dyn KeyValue>, Error> {
        draft::open(bucket)
    }

    #[cfg(not(any(feature = "spin", feature = "wasmcloud")))]
    fn key_value(&self, _: &str) -> Result<Rc<dyn KeyValue>, Error> {
        let text = "this build has no key-value store: it needs the cargo feature of its host";
        Err(Error::Refused(text.to_owned()))
    }

    #[cfg(feature = "wasmcloud")]
    fn blobs(&self, container: &str) -> Result<Rc<dyn Blobs>, Error> {
        Ok(Rc::new(draft::blobstore::Blobstore::new(container)))
    }

    fn disk(&self) -> Rc<dyn Disk> {
        Rc::new(files::WasiDisk)
    }

    #[cfg(any(feature = "s3", feature = "oidc"))]
    fn client(&self) -> Rc<dyn Client> {
        Rc::new(outgoing::WasiClient)
    }

    fn entropy(&self) -> Rc<dyn Entropy> {
        Rc::new(WasiEntropy)
    }

    #[cfg(feature = "admin")]
    fn audit(&self, line: &str) {
        let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    }
}

struct WasiEntropy;

impl Entropy for WasiEntropy {
    fn unix_seconds(&self) -> i64 {
        i64::try_from(wall_clock::now().seconds).unwrap_or(i64::MAX)
    }

    fn random(&self) -> u64 {
        get_random_u64()
    }
}
