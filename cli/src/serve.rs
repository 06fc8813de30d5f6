//! `goproxy-edge serve`: the component on the embedded host.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Serve modules from this machine
#[derive(clap::Args)]
pub struct Args {
    /// Where to listen; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:3000")]
    addr: SocketAddr,
    /// Where the store and the first token are kept [default: the platform's data folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A setting of the proxy, such as store=dir:/srv/modules
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// The certificate chain for https, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Another build of the component
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

pub fn run(args: Args) -> Result<ExitCode, crate::Failure> {
    let Args {
        addr,
        data,
        settings,
        tls_cert,
        tls_key,
        component,
    } = args;
    drop((addr, data, settings, tls_cert, tls_key, component));
    Err("serve is not built yet".into())
}
