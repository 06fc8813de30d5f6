//! One request from end to end: settings, route, who asks, store, answer. What a host has to give is
//! the [`Host`] trait; which host it is, nobody here knows.

use std::cell::OnceCell;
use std::rc::Rc;
#[cfg(feature = "oidc")]
use std::time::Duration;
#[cfg(feature = "admin")]
use std::time::Instant;

#[cfg(feature = "oidc")]
use crate::access::outside::Keeper;
#[cfg(any(feature = "s3", feature = "oidc"))]
use crate::http::client::Client;
use crate::http::{Body, Failure, Kind, Method, Request, Response};
use crate::module::Timestamp;
use crate::proxy::Proxy;
use crate::proxy::route::{self, Resource, Route};
use crate::publish::Publisher;
use crate::settings::{HAS_DIR, Log, NoSettings, Settings, StorePlace};
use crate::store::dir::{Dir, Disk};
use crate::store::kv::{Blobs, KeyValue, Kv};
#[cfg(feature = "s3")]
use crate::store::s3::S3;
use crate::store::{Entropy, Error, Store, failure};

use admit::Admitted;

mod admin;
mod admit;
#[cfg(feature = "admin")]
mod kept;
#[cfg(test)]
mod tests;

const READ: &str = "GET, HEAD";
const READ_AND_PUBLISH: &str = "GET, HEAD, PUT";

/// What a host gives.
pub trait Host {
    /// When the request came.
    #[cfg(feature = "admin")]
    fn begun(&self) -> Instant;
    /// The settings, as they are now or were a moment ago.
    ///
    /// # Errors
    /// The first one that is wrong, or that they can't be had.
    fn settings(&self) -> Result<Rc<Settings>, NoSettings>;
    /// The name, and port, under which the client asks. (A call of the host of its own, where that keeps
    /// the field `Host` to itself: made when it counts.)
    #[cfg(feature = "s3")]
    fn authority(&self, request: &Request) -> Option<String> {
        request.headers.get("host").map(str::to_owned)
    }
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
    /// Logs what an administrator changes, whatever the settings want: now, for the host may end us
    /// before there is an answer.
    #[cfg(feature = "admin")]
    fn audit(&self, line: &str);
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

/// Answers a request, whose body is read where it has to be.
pub fn handle(host: &dyn Host, request: &mut Request) -> Answer {
    let settings = host.settings();
    #[cfg(feature = "s3")]
    let settings = settings.and_then(|settings| {
        let name = settings.presigns().then(|| host.authority(request));
        let bad = settings.misdirects(name.flatten().as_deref());
        bad.map_or(Ok(settings), |bad| Err(bad.into()))
    });
    let settings = match settings {
        Ok(settings) => settings,
        Err(why) => {
            let kind = match why {
                NoSettings::Bad(_) => Kind::Internal,
                NoSettings::Untold => Kind::NoVerdict,
            };
            let failure = Failure::new(kind, why.to_string());
            return Answer {
                response: finish(request, failure.response(None)),
                log: Log::Error,
                cause: Some(failure.to_string()),
            };
        }
    };
    let edge = Edge {
        host,
        settings: &settings,
        store: OnceCell::new(),
    };
    let mut cause = None;
    let response = edge.answer(request).unwrap_or_else(|failure| {
        let ours = failure.kind.is_operators();
        cause = ours.then(|| failure.to_string().replace('\n', "; "));
        failure.response(Some(settings.list_max_age))
    });
    Answer {
        response: finish(request, response),
        log: settings.log,
        cause,
    }
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
    /// Opened when it is first needed.
    store: OnceCell<Box<dyn Store>>,
}

impl Edge<'_> {
    fn answer(&self, request: &mut Request) -> Result<Response, Failure> {
        let route = match route::parse(request.path(), &self.settings.base_path) {
            Ok(route) => route,
            Err(why) => {
                // As below the bases, a credential that is wrong is told so first.
                self.identify(request)?;
                return Err(names_nothing(&request.method, &why));
            }
        };
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
            Route::Admin(words) => self.administer(&words, request),
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
        if !request.method.is_read() {
            return self.publish(store, resource, request, admitted);
        }
        let proxy = Proxy {
            store,
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
            Resource::Version(..) => {
                let text = "a version has .info, .mod and .zip, and nothing under its bare name";
                Err(Failure::new(Kind::NotFound, text))
            }
            // Refused before.
            Resource::Upload => Err(names_nothing(&request.method, "it is not for that")),
        }
    }

    fn publish(
        &self,
        store: &dyn Store,
        resource: &Resource,
        request: &mut Request,
        admitted: &Admitted,
    ) -> Result<Response, Failure> {
        let publisher = Publisher {
            store,
            max_zip_bytes: self.settings.max_zip_bytes,
            now: self.now(),
        };
        match resource {
            Resource::Upload => publisher.upload(request, &|module| admitted.upload(self, module)),
            Resource::Mod(module, asked) => publisher.put_mod(module, asked, request),
            #[cfg(feature = "s3")]
            Resource::Zip(module, asked) if request.method == Method::Post => {
                let presigned = store.presigned().ok_or_else(no_way_past)?;
                publisher.post_zip(presigned, module, asked, request.query())
            }
            Resource::Zip(module, asked) => publisher.put_zip(module, asked, request),
            Resource::Version(module, asked) => publisher.withdraw(module, asked),
            // Refused before.
            Resource::List(_) | Resource::Latest(_) | Resource::Info(..) => {
                Err(names_nothing(&request.method, "it is not for that"))
            }
        }
    }

    fn store(&self) -> Result<&dyn Store, Error> {
        if self.store.get().is_none() {
            let _ = self.store.set(self.open_store()?);
        }
        let opened = self.store.get().map(|store| &**store);
        opened.ok_or_else(|| Error::Unavailable("it can't be opened".to_owned()))
    }

    fn open_store(&self) -> Result<Box<dyn Store>, Error> {
        let entropy = self.host.entropy();
        Ok(match &self.settings.store {
            StorePlace::Kv(bucket) => Box::new(self.kv(bucket, entropy)?),
            StorePlace::Blobstore(container, bucket) => {
                let blobs = self.host.blobs(container)?;
                Box::new(self.kv(bucket, entropy)?.with_blobs(blobs))
            }
            StorePlace::Dir(path) if HAS_DIR => Box::new(Dir::new(path, self.host.disk(), entropy)),
            StorePlace::Dir(_) => {
                let text = "this build is without the cargo feature `dir`";
                return Err(Error::Refused(text.to_owned()));
            }
            #[cfg(feature = "s3")]
            StorePlace::S3 => Box::new(self.s3(entropy)),
            #[cfg(feature = "s3")]
            StorePlace::S3Kv(bucket) => {
                let blobs = Rc::new(self.s3(Rc::clone(&entropy)));
                Box::new(self.kv(bucket, entropy)?.with_blobs(blobs))
            }
        })
    }

    #[cfg(feature = "s3")]
    fn s3(&self, entropy: Rc<dyn Entropy>) -> S3 {
        S3::new(Rc::clone(&self.settings.s3), self.host.client(), entropy)
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
        self.host.entropy().wait(time);
    }
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
        Resource::Version(..) if method.is_read() => Ok(()),
        Resource::Version(..) => allow(request, *method == Method::Delete, "DELETE"),
    }
}

/// The refusal of a path that can name nothing, whose reason is this.
fn names_nothing(method: &Method, why: &str) -> Failure {
    let kind = match method {
        Method::Put | Method::Delete => Kind::Invalid,
        _ => Kind::NotFound,
    };
    Failure::new(kind, why)
}

/// There are no uploads past the proxy.
#[cfg(feature = "s3")]
fn no_way_past() -> Failure {
    let text = "uploads go through this proxy, by PUT; past it they go where `store` is `s3` or `s3+kv` \
                and `redirect_over` is set";
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
