//! `goproxy-edge serve`: the component on the embedded host, until Ctrl-C or SIGTERM.

mod log;
mod settings;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use goproxy_edge_host::{Host, HostConfig, Preopen, Tls};
use serde_json::json;
use tokio::net::TcpListener;

use crate::data::{self, TokenFile};
use crate::{Failure, output, token, wrong_usage};
use settings::{Setting, Settings};

/// The component that this command was built with.
static COMPONENT: &[u8] = include_bytes!(env!("GOPROXY_EDGE_COMPONENT"));

/// Serve modules from this machine
#[derive(clap::Args)]
pub struct Args {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:3000")]
    addr: SocketAddr,
    /// Where the store and the first token are kept [default: the platform's data folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A setting of the proxy, such as store=dir:/srv/modules; also read from GOPROXY_EDGE_<NAME>
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

pub fn run(args: Args) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(args))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads each `--set`. Clap would show the whole of a wrong one, and its value may be a secret.
fn read_settings(given: &[String]) -> Vec<Setting> {
    let read = |text: &String| {
        settings::parse(text).unwrap_or_else(|why| wrong_usage(format_args!("--set: {why}")))
    };
    given.iter().map(read).collect()
}

async fn serve(args: Args) -> Result<(), Failure> {
    let given = read_settings(&args.settings);
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::from_pem(certificate, key)?),
        _ => None,
    };
    let component = match &args.component {
        Some(file) => std::fs::read(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?,
        None => COMPONENT.to_vec(),
    };
    let mut settings = Settings::gather(given)?;
    // A build without it refuses everything then: with `off` it would open what the store keeps closed.
    settings.administer_by_default();
    let data = match args.data {
        Some(folder) => folder,
        None => data::default_folder()?,
    };
    let listener = listen(args.addr).await?;
    let address = listener.local_addr()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");

    let mut config = HostConfig::new(component, data.join("store.redb"));
    if !settings.has_tokens() {
        let own = format!("{scheme}://{}{}", reachable(address), settings.base_path());
        let token = TokenFile::keep(&data, &own)?;
        settings.set("tokens", tokens_setting(&token));
    }
    if let Some(folder) = settings.folder()? {
        let guest = folder
            .to_str()
            .ok_or("the folder's name is not UTF-8")?
            .to_owned();
        config.preopens.push(Preopen {
            host: folder,
            guest,
            writable: true,
        });
    }
    config.store_labels.extend(settings.bucket());
    config.allowed_outbound_hosts = settings.outbound();
    config.settings = settings.into_map();
    config.code_cache = data::code_cache();
    config.log = log::start()?;

    let host = Host::new(config)?;
    output::print(format_args!("listening on {url}"))?;
    host.serve(listener, tls, stop_signal()).await;
    log::finish();
    Ok(())
}

async fn listen(addr: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(addr).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{addr} is in use by another program; choose another with --addr, such as --addr 127.0.0.1:0").into()
        }
        io::ErrorKind::PermissionDenied => {
            format!("this user may not listen on {addr}; ports below 1024 need a privilege").into()
        }
        _ => format!("cannot listen on {addr}: {error}").into(),
    })
}

/// The address at which this machine reaches a server that listens here.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        match address {
            SocketAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            SocketAddr::V6(_) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        }
    }
    address
}

/// The `tokens` setting that lets this token do everything.
fn tokens_setting(token: &str) -> String {
    json!([{
        "name": "first token",
        "sha256": token::sha256_hex(token),
        "scopes": ["api"],
        "projects": ["*"],
        "admin": true,
    }])
    .to_string()
}

/// Ready at Ctrl-C or SIGTERM. A second one ends the process at once.
async fn stop_signal() {
    signal().await;
    output::note("stopping: finishing the requests under way; once more to stop at once");
    tokio::spawn(async {
        signal().await;
        std::process::exit(1);
    });
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}
