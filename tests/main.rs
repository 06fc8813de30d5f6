//! Black-box tests: the built command `goproxy-edge serve`, with the component in it, driven over HTTP and by the
//! real `go` command. Nothing here links the code that it tests, the suite of the store's contract and the reading of
//! settings, by which manifests are checked, apart.
//!
//! Needed: `go` 1.25 or later and `git` in PATH; for real modules, a GOPROXY that has them (`go env GOPROXY`).
//! For other hosts and their stores: what `.ci/tools` installs. A tool that is missing fails the test that needs it, and is named there.

mod access;
mod admin;
mod admin_command;
mod bad_uploads;
mod command;
mod crash;
mod dir_store;
mod go_command;
mod goproxy_tables;
mod http_rules;
mod import;
mod manifests;
mod moving;
mod oidc;
mod paths;
mod presigned;
mod projects;
mod protocol;
mod publishing;
mod s3;
mod s3_kv;
mod serve_command;
mod size;
mod store_contract;
mod support;
mod wasmcloud;
mod wasmtime;
mod withdraw;
