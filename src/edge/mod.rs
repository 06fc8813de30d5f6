//! One request from end to end: settings, route, who asks, store, answer. What a host has to give is
//! the [`Host`] trait; which host it is, nobody here knows.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

#[cfg(feature = "oidc")]
use crate::access::outside::Keeper;
#[cfg(any(feature = "s3", feature = "oidc"))]
use crate::http::client::Client;
use crate::http::{Body, Failure, Kind, Method, Request, Response, query_pairs};
use crate::json::Writer;
use crate::module::Timestamp;
use crate::proxy::route::{self, Resource, Route};
use crate::proxy::{Proxy, failure};
use crate::publish::Publisher;
use crate::settings::{BadSetting, Log, Settings, StorePlace};
use crate::store::dir::{Dir, Disk};
use crate::store::kv::{Blobs, KeyValue, Kv};
#[cfg(feature = "s3")]
use crate::store::s3::S3;
use crate::store::{Entropy, Error, Repaired, Store};

use admit::Admitted;

mod admit;
#[cfg(test)]
mod tests;

const READ: &str = "GET, HEAD";
const READ_AND_PUBLISH: &str = "GET, HEAD, PUT";
/// How long a page of repair may take: well below the 30 seconds of the tightest host.
const REPAIR_TIME: Duration = Duration::from_secs(8);

/// What a host gives.
pub trait Host {
    /// Setting names and values, the more important source of two that name the same one last.
    fn settings(&self) -> Vec<(String, String)>;
    /// Opens a key-value store.
    ///
    /// # Errors
    /// The host's: there is none of that name, or we may not.
    fn key_value(&self, bucket: &str) -> Result<Rc<dyn KeyValue>, Error>;
    /// Opens a container of its object store.
    ///
    /// # Errors
    /// The host's: it has none, or we may not.
    fn blobs(&self, _container: &str) -> Result<Rc<dyn Blobs>, Error> {
        let text =
            "this build has no object store of its host: it needs the cargo feature `wasmcloud`";
        Err(Error::Refused(text.to_owned()))
    }
    /// The file system.
    fn disk(&self) -> Rc<dyn Disk>;
    /// The way to other servers.
    #[cfg(any(feature = "s3", feature = "oidc"))]
    fn client(&self) -> Rc<dyn Client>;
    /// The clock and chance.
    fn entropy(&self) -> Rc<dyn Entropy>;
}

/// An answer, and what is to be logged of it.
pub struct Answer {
    /// The response.
    pub response: Response,
    /// What the settings want logged.
    pub log: Log,
    /// What the operator must mend, in one line.
    pub cause: Option<String>,
}

/// Answers a request.
pub fn handle(host: &dyn Host, mut request: Request) -> Answer {
    let settings = read_settings(host.settings());
    #[cfg(feature = "s3")]
    let settings = settings.and_then(|settings| {
        let bad = settings.misdirects(request.headers.get("host"));
        bad.map_or(Ok(settings), Err)
    });
    let settings = match settings {
        Ok(settings) => settings,
        Err(bad) => {
            let failure = Failure::new(Kind::Internal, bad.to_string());
            return Answer {
                response: finish(&request, failure.response(None)),
                log: Log::Error,
                cause: Some(failure.to_string()),
            };
        }
    };
    let edge = Edge {
        host,
        settings: &settings,
    };
    let mut cause = None;
    let response = edge.answer(&mut request).unwrap_or_else(|failure| {
        let (status, _) = failure.kind.status();
        cause = (status >= 500).then(|| failure.to_string().replace('\n', "; "));
        failure.response(Some(settings.list_max_age))
    });
    Answer {
        response: finish(&request, response),
        log: settings.log,
        cause,
    }
}

/// Names and values as a host gives them, and what they were read as.
type Read = (Vec<(String, String)>, Rc<Settings>);

thread_local! {
    /// What the last request read. Most hosts make an instance a request; one that uses an instance
    /// again gives it the same values, and reading them again took a third of a hit's time.
    static LAST_READ: RefCell<Option<Read>> = const { RefCell::new(None) };
}

fn read_settings(values: Vec<(String, String)>) -> Result<Rc<Settings>, BadSetting> {
    LAST_READ.with_borrow_mut(|last| {
        if let Some((same, settings)) = last
            && *same == values
        {
            return Ok(Rc::clone(settings));
        }
        let settings = Rc::new(Settings::read(values.iter().cloned())?);
        *last = Some((values, Rc::clone(&settings)));
        Ok(settings)
    })
}

fn finish(request: &Request, response: Response) -> Response {
    match request.method {
        Method::Head => response.without_body(),
        _ => response,
    }
}

struct Edge<'a> {
    host: &'a dyn Host,
    settings: &'a Settings,
}

impl Edge<'_> {
    fn answer(&self, request: &mut Request) -> Result<Response, Failure> {
        let route = route::parse(request.path(), &self.settings.base_path).map_err(|why| {
            let kind = match request.method {
                Method::Put | Method::Delete => Kind::Invalid,
                _ => Kind::NotFound,
            };
            Failure::new(kind, why)
        })?;
        match route {
            Route::Health => {
                allow(request, request.method.is_read(), READ)?;
                Ok(plain("ok\n"))
            }
            Route::Ready => {
                allow(request, request.method.is_read(), READ)?;
                let ready = self.store().and_then(|store| store.ready());
                ready.map_err(|error| Failure::new(Kind::Unavailable, error.to_string()))?;
                Ok(plain("ready\n"))
            }
            Route::Admin(verb) => self.administer(&verb, request),
            Route::InProject(project, resource) => {
                self.in_project(project.as_deref(), &resource, request)
            }
        }
    }

    /// Answers a request that has been admitted.
    fn serve(
        &self,
        resource: &Resource,
        request: &mut Request,
        admitted: &Admitted,
    ) -> Result<Response, Failure> {
        let store = self.store().map_err(|error| failure(&"the store", error))?;
        let publisher = Publisher {
            store: &*store,
            max_zip_bytes: self.settings.max_zip_bytes,
            now: self.now(),
        };
        match (resource, &request.method) {
            (Resource::Upload, _) => {
                return publisher.upload(request, &|module| admitted.upload(self, module));
            }
            (Resource::Mod(module, asked), Method::Put) => {
                return publisher.put_mod(module, asked, request);
            }
            (Resource::Zip(module, asked), Method::Put) => {
                return publisher.put_zip(module, asked, request);
            }
            (Resource::Version(module, asked), _) => return publisher.withdraw(module, asked),
            #[cfg(feature = "s3")]
            (Resource::Zip(module, asked), Method::Post) => {
                let presigned = store.presigned().ok_or_else(no_way_past)?;
                return publisher.post_zip(presigned, module, asked, request.query());
            }
            _ => {}
        }
        let proxy = Proxy {
            store: &*store,
            headers: &request.headers,
            head: request.method == Method::Head,
            list_max_age: self.settings.list_max_age,
            #[cfg(feature = "s3")]
            redirect_over: self.settings.redirect_over,
        };
        match resource {
            Resource::List(module) => proxy.list(module, admitted.has_prefixes),
            Resource::Latest(module) => proxy.latest(module),
            Resource::Info(module, asked) => proxy.info(module, asked),
            Resource::Mod(module, asked) => proxy.go_mod(module, asked),
            Resource::Zip(module, asked) => proxy.zip(module, asked),
            Resource::Upload | Resource::Version(..) => {
                Err(Failure::new(Kind::NotFound, "missing /@v/"))
            }
        }
    }

    fn administer(&self, verb: &str, request: &Request) -> Result<Response, Failure> {
        if verb != "repair" {
            let text = format!("there is no verb {verb:?} in /-/admin/: `repair` is known");
            return Err(Failure::new(Kind::NotFound, text));
        }
        allow(request, request.method == Method::Post, "POST")?;
        self.identify(request)?.may_administer()?;
        let mut cursor = None;
        for pair in query_pairs(request.query()) {
            match pair {
                Some((name, value)) if name == "cursor" => cursor = Some(value),
                _ => {
                    let text = "the one parameter of repair is `cursor`";
                    return Err(Failure::new(Kind::Invalid, text));
                }
            }
        }
        let begun = Instant::now();
        let go_on = || begun.elapsed() < REPAIR_TIME;
        let page = self
            .store()
            .and_then(|store| store.repair(cursor.as_deref(), &go_on))
            .map_err(|error| failure(&"repair", error))?;
        Ok(Response::json(200, repaired(&page)))
    }

    fn store(&self) -> Result<Box<dyn Store>, Error> {
        let entropy = self.host.entropy();
        Ok(match &self.settings.store {
            StorePlace::Kv(bucket) => Box::new(self.kv(bucket, entropy)?),
            StorePlace::Blobstore(container, bucket) => {
                let blobs = self.host.blobs(container)?;
                Box::new(self.kv(bucket, entropy)?.with_blobs(blobs))
            }
            StorePlace::Dir(path) => Box::new(Dir::new(path, self.host.disk(), entropy)),
            #[cfg(feature = "s3")]
            StorePlace::S3 => {
                let config = self.settings.s3.clone();
                Box::new(S3::new(config, self.host.client(), entropy))
            }
        })
    }

    fn kv(&self, bucket: &str, entropy: Rc<dyn Entropy>) -> Result<Kv, Error> {
        let port = self.host.key_value(bucket)?;
        Ok(Kv::new(port, entropy, self.settings.kv_chunk_bytes))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.host.entropy().unix_seconds(), 0).unwrap_or(Timestamp::ZERO)
    }
}

/// Opens the store only when something is kept: few credentials need it.
#[cfg(feature = "oidc")]
impl Keeper for Edge<'_> {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.store()?.document(name)
    }

    fn set(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.store()?.set_document(name, value)
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// What a page of repair answers.
fn repaired(page: &Repaired) -> Writer {
    let mut json = Writer::new();
    json.json(
        "done",
        if page.cursor.is_none() {
            "true"
        } else {
            "false"
        },
    );
    match &page.cursor {
        Some(cursor) => json.text("cursor", cursor),
        None => json.json("cursor", "null"),
    }
    for (name, number) in [
        ("modules", page.modules),
        ("versions", page.versions),
        ("indexed", page.indexed),
        ("removed", page.removed),
    ] {
        json.json(name, &number.to_string());
    }
    json.texts("problems", &page.problems);
    json
}

fn plain(text: &str) -> Response {
    let body = Body::Bytes(text.as_bytes().to_vec());
    Response::new(200, "text/plain; charset=utf-8", body).with("cache-control", "no-store")
}

fn allow_method(resource: &Resource, request: &Request, presigns: bool) -> Result<(), Failure> {
    let method = &request.method;
    match resource {
        Resource::Zip(..) if presigns => {
            let fits = method.is_read() || [Method::Put, Method::Post].contains(method);
            allow(request, fits, "GET, HEAD, PUT, POST")
        }
        #[cfg(feature = "s3")]
        Resource::Zip(..) if *method == Method::Post && !request.query().is_empty() => {
            Err(no_way_past())
        }
        Resource::Upload => allow(request, *method == Method::Put, "PUT"),
        Resource::Mod(..) | Resource::Zip(..) => {
            let fits = method.is_read() || *method == Method::Put;
            allow(request, fits, READ_AND_PUBLISH)
        }
        Resource::List(_) | Resource::Latest(_) | Resource::Info(..) => {
            allow(request, method.is_read(), READ)
        }
        // For the `go` command this is a path that names nothing: 405 would stop it.
        Resource::Version(..) if method.is_read() => {
            let text = "a version has .info, .mod and .zip, and nothing under its bare name";
            Err(Failure::new(Kind::NotFound, text))
        }
        Resource::Version(..) => allow(request, *method == Method::Delete, "DELETE"),
    }
}

/// There are no uploads past the proxy.
#[cfg(feature = "s3")]
fn no_way_past() -> Failure {
    let text = "uploads go through this proxy, by PUT; past it they go where `store` is `s3` and \
                `redirect_over` is set";
    Failure::new(Kind::MethodNotAllowed(READ_AND_PUBLISH), text)
}

fn allow(request: &Request, fits: bool, methods: &'static str) -> Result<(), Failure> {
    if fits {
        return Ok(());
    }
    let text = format!(
        "{} is not for this path: {methods}",
        request.method.as_str()
    );
    Err(Failure::new(Kind::MethodNotAllowed(methods), text))
}
