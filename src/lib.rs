//! goproxy-edge: a Go module proxy that is one WebAssembly component.
//!
//! The rooms, and the way a request takes through them: `wasi` turns what the host sends into an
//! [`http::Request`]; `edge` takes it from end to end by the `settings`: `proxy` parses the route, `access`
//! decides, `proxy` or `publish` asks a `store`; the [`http::Response`] goes back out through `wasi`.
//! `module` holds Go's own rules; `json`, `hex`, `order` and `lately` are what the standard library lacks
//! or has too large. Nothing but `wasi` knows a host, so everything else is tested natively.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

#[cfg(all(feature = "spin", feature = "wasmcloud"))]
compile_error!(
    "the features `spin` and `wasmcloud` are for different hosts, and a component is for one: \
     build with `--no-default-features --features wasmcloud,s3,oidc,admin`, or without `wasmcloud`"
);

pub mod access;
#[cfg(feature = "admin")]
mod bytes;
pub mod edge;
mod hex;
pub mod http;
mod json;
#[cfg(any(feature = "s3", feature = "admin"))]
mod lately;
pub mod module;
mod order;
pub mod proxy;
pub mod publish;
pub mod settings;
pub mod store;
#[cfg(target_arch = "wasm32")]
mod wasi;
